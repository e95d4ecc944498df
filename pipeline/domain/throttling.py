"""Throttling: token buckets for the changes of one tenant's, one for all of them and one for each alert name.

A name's own bucket is what keeps it from using up what the tenant's other names share. Everything is counted in
sixty-thousandths of a token, of which `per_minute` come in each millisecond: whole numbers, so nothing drifts.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

import msgspec

NAMES = 10_000  # how many buckets of names are held
NEVER = 1 << 62  # ms
_TOKEN = 60_000

BucketState = tuple[int, int]
ThrottleState = tuple[BucketState, list[tuple[str, int, int]]]


class Throttled(StrEnum):
    """Which bucket had no token."""

    TENANT_RATE = "tenant_rate"
    NAME_RATE = "name_rate"


class ThrottlePolicy(msgspec.Struct, frozen=True):
    """How many changes of a tenant's may leave in a minute, and how many at once after a pause."""

    enabled: bool = True
    per_minute: int = 1200
    burst: int = 1200
    name_per_minute: int = 120
    name_burst: int = 120


class Bucket:
    """A token bucket as it was at `at`."""

    __slots__ = ("at", "level")

    def __init__(self, level: int, at: int) -> None:
        self.level = level
        self.at = at

    def fill(self, now: int, rate: int, size: int) -> int:
        """Let time pass to `now` and return the level; a time before the last one adds nothing."""
        if now > self.at:
            self.level += (now - self.at) * rate
            self.at = now
        if self.level > size:
            self.level = size
        return self.level

    def ready_at(self, now: int, rate: int, size: int) -> int:
        """Return when, from `now` on, there is a token, NEVER if none ever comes; the bucket stays as it is."""
        if size < _TOKEN:
            return NEVER
        lacking = _TOKEN - self.level
        if lacking <= 0:
            return now
        return max(now, self.at - (-lacking // rate)) if rate > 0 else NEVER


class Throttle:
    """The buckets of one tenant; full at the beginning."""

    __slots__ = ("_names", "_tenant", "policy")

    def __init__(self, policy: ThrottlePolicy) -> None:
        self.policy = policy
        self._tenant = Bucket(policy.burst * _TOKEN, 0)
        # The one that was asked last comes last. A dict would find its first item more slowly with every removal.
        self._names: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._names)

    def follow(self, policy: ThrottlePolicy, now: int) -> None:
        """Follow another policy from `now` on: what has come into the buckets until then stays, as far as it fits."""
        before, self.policy = self.policy, policy
        self._tenant.fill(now, before.per_minute, before.burst * _TOKEN)
        for bucket in self._names.values():
            bucket.fill(now, before.name_per_minute, before.name_burst * _TOKEN)

    def take(self, name: str, now: int) -> Throttled | None:
        """Take a token from both buckets for a change of `name`, or from neither and return which one had none.

        If neither had one it is the name's: the more particular reason.
        """
        policy = self.policy
        if not policy.enabled:
            return None
        bucket = self._bucket(name, now)
        if bucket.fill(now, policy.name_per_minute, policy.name_burst * _TOKEN) < _TOKEN:
            return Throttled.NAME_RATE
        if self._tenant.fill(now, policy.per_minute, policy.burst * _TOKEN) < _TOKEN:
            return Throttled.TENANT_RATE
        bucket.level -= _TOKEN
        self._tenant.level -= _TOKEN
        return None

    def _bucket(self, name: str, now: int) -> Bucket:
        """Return the bucket of `name`, which is now the one that was asked last."""
        bucket = self._names.get(name)
        if bucket is not None:
            self._names.move_to_end(name)
            return bucket
        self._make_room(now)
        bucket = self._names[name] = Bucket(self.policy.name_burst * _TOKEN, now)
        return bucket

    def _make_room(self, now: int) -> None:
        """Drop what was asked longest ago: two buckets that are full, or any if there are too many.

        A full one is the same as none, and the oldest are the first to be full, or nearly so: no need to search.
        """
        policy, names = self.policy, self._names
        for _ in range(2):
            oldest = next(iter(names), None)
            if oldest is None:
                return
            size = policy.name_burst * _TOKEN
            if names[oldest].fill(now, policy.name_per_minute, size) < size and len(names) < NAMES:
                return
            del names[oldest]

    def ready_at(self, name: str, now: int) -> int:
        """Return when, from `now` on and if nobody takes one before, both buckets have a token; NEVER without hope."""
        policy = self.policy
        if not policy.enabled:
            return now
        bucket = self._names.get(name) or Bucket(policy.name_burst * _TOKEN, now)
        return max(
            self._tenant.ready_at(now, policy.per_minute, policy.burst * _TOKEN),
            bucket.ready_at(now, policy.name_per_minute, policy.name_burst * _TOKEN),
        )

    def snapshot(self) -> ThrottleState:
        """Return all there is to keep, as what msgpack can write."""
        names = [(name, bucket.level, bucket.at) for name, bucket in self._names.items()]
        return (self._tenant.level, self._tenant.at), names

    @classmethod
    def restored(cls, state: ThrottleState, policy: ThrottlePolicy) -> Throttle:
        """Return what `snapshot` was taken of."""
        throttle = cls(policy)
        tenant, names = state
        throttle._tenant = Bucket(*tenant)
        throttle._names.update((name, Bucket(level, at)) for name, level, at in names)
        return throttle
