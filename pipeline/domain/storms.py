"""Storms: minutes in which a tenant sends far more than in its own busiest quiet minutes.

A storm begins with the record that takes a minute's count over the limit, max(floor, factor × p99 of the tenant's
quiet minutes), if those of the minute that are not of its noisiest (name, instance) are more than a tenth of the
limit. It ends after `quiet_minutes` minutes in a row at or under the limit.

The floor that nobody wrote is 500 until a day's worth of quiet minutes is known, and then what the tenant's history
justifies: twice its largest quiet minute, from 100 to 500. Every third, fifth or tenth alert of the two AIT-ADS
scenarios, as tenants that send as much less, have four minutes of scans together: with 500 three, three and two of them
are storms (F1 0.86, 0.86, 0.67), with the learned floor all four (F1 1), and nothing else in either case. Three times
the largest minute finds three. Of all alerts both find the four: there four times p99 is above 500. Every twentieth
alert does not fill a day's worth of minutes, and none of its scans has 500 alerts. `python -m bench.storm_detection`.

Why a tenth: one noisy alert is to be throttled, and hardly ever is it all that is sent. Put 1,000 records of one alert
into every minute of the two AIT-ADS scenarios here, and 6,265 of their 14,352 minutes would be storms if a second
alert were enough; with a tenth 202 are. In the minutes of web scans the others are at least three quarters of the
limit, though up to 88 % of such a minute is one rule on one host. That is why the noisiest is not simply left out of
the count: the mildest scan has 1.95 times what the busiest ordinary minute has, and without the noisiest 1.32 times.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pipeline.domain.noisiest import Noisiest, NoisiestState
from pipeline.domain.quiet_minutes import QuietMinutes, QuietState
from pipeline.domain.rule import BUILT_IN, RuleRef
from pipeline.domain.storm_account import MINUTE, Storm, StormState

MIXED = 10  # the others are more than one part in so many of the limit
UNKNOWN = 500  # records in a minute: the floor that nobody wrote, as long as nothing is known, and at most
LEAST = 100  # the same, at least
_MARGIN = 2  # times the largest quiet minute
LASTING = 360  # closed minutes; what goes on for longer than this is no storm but the tenant's new level
_NOT_THIS_MINUTE = (1 << 30) - 1  # records; still a small integer, which a loop counts down fast

PulseState = tuple[int, int, bool, NoisiestState, QuietState, StormState | None]


class StormPolicy(msgspec.Struct, frozen=True):
    """What a storm is for one tenant."""

    ref: RuleRef = BUILT_IN
    enabled: bool = True
    floor: int | None = None  # records in a minute; fewer are never a storm. None: learned from the tenant's minutes
    factor: float = 4.0  # times the 99th percentile of the tenant's quiet minutes
    quiet_minutes: int = 5


class StormEvent(StrEnum):
    """What a closed minute brings."""

    DIGEST = "storm_digest"
    ENDED = "storm_ended"


class StormNews(msgspec.Struct, frozen=True):
    """Something to tell of a storm, at the end of a minute."""

    event: StormEvent
    at: int  # ms
    facts: dict[str, object]  # Storm.close for a digest, Storm.missed for an end


class Pulse:
    """The minutes of one tenant's, told of every record by its caller.

    Once `roll` has been called for the minute of a record, that is

        pulse.left -= 1
        if key is not pulse.first and not pulse.mixed:
            pulse.meet(key, name, instance)
        if pulse.left <= 0 and pulse.look(at):
            ...  # a storm begins with this record

    `key` is the alert's own object: that it is another one is noticed without comparing names.
    """

    __slots__ = (
        "_counted_from",
        "_noisiest",
        "_policy",
        "first",
        "left",
        "limit",
        "minute",
        "mixed",
        "quiet",
        "storm",
    )

    def __init__(self, policy: StormPolicy, minute: int) -> None:
        self._policy = policy
        self.minute = minute  # since 1970
        self.quiet = QuietMinutes()
        self.storm: Storm | None = None
        self.first: bytes | None = None
        self.mixed = False
        self.limit = self.left = self._counted_from = 0
        self._noisiest = Noisiest()
        self._set_limit()
        self._begin_minute()

    @property
    def count(self) -> int:
        """Return the records of this minute so far."""
        return self._counted_from - self.left

    @property
    def storming(self) -> bool:
        """Say whether there is a storm that hides alerts."""
        return self.storm is not None and self._policy.enabled

    @property
    def policy(self) -> StormPolicy:
        """Return what is in force; a storm under a policy that was switched off ends with its minute."""
        return self._policy

    @policy.setter
    def policy(self, policy: StormPolicy) -> None:
        self._policy = policy
        self._set_limit()
        self._aim(self.count)

    # -- records

    def meet(self, key: bytes, name: str, instance: str) -> None:
        """Take note of a record whose key is not `first`, for as long as this minute is not `mixed`.

        Records that are not brought here are of the pair that `first` belongs to, the noisiest so far.
        """
        pair, noisiest = (name, instance), self._noisiest
        if pair == noisiest.pair:
            self.first = key
            return
        count = self.count
        if noisiest.meet(pair, count):
            self.first = key
        if (count - noisiest.most) * MIXED > self.limit:
            self.mixed = True
            self._aim(count)

    def look(self, at: int | None = None) -> bool:
        """Say whether a storm begins now, at `at`, and see to it that nobody looks in vain again."""
        count = self.count
        if count <= self.limit or not self.mixed or self.storm is not None or not self._policy.enabled:
            self._aim(count)
            return False
        self.storm = Storm(self.minute * MINUTE if at is None else at, self.limit)
        self._aim(count)
        return True

    def _aim(self, count: int) -> None:
        """Count down from `count` on to the record at which a storm may begin."""
        if self.storm is not None or not self._policy.enabled:
            self.left = _NOT_THIS_MINUTE
        elif count > self.limit:
            self.left = 0 if self.mixed else _NOT_THIS_MINUTE  # `meet` brings it back
        else:
            self.left = self.limit + 1 - count
        self._counted_from = count + self.left

    # -- minutes

    def roll(self, minute: int) -> list[StormNews]:
        """Go on to `minute` and return what the minutes until then bring, in their order."""
        news: list[StormNews] = []
        while self.minute < minute:
            self._close(news)
            # Without a storm, minutes without a record mean nothing.
            self.minute = minute if self.storm is None else self.minute + 1
            self._begin_minute()
        return news

    def _close(self, news: list[StormNews]) -> None:
        count, storm, policy = self.count, self.storm, self._policy
        if storm is None:
            if 0 < count <= self.limit:
                self._learn(count)
            return
        end = (self.minute + 1) * MINUTE
        digest = storm.close(self.minute, count, self.limit)
        if digest is not None:
            news.append(StormNews(StormEvent.DIGEST, end, digest))
        if count and storm.minutes > LASTING:
            self._learn(count)
        if storm.quiet >= policy.quiet_minutes or not policy.enabled:
            news.append(StormNews(StormEvent.ENDED, end, storm.missed(end)))
            self.storm = None

    def _learn(self, count: int) -> None:
        self.quiet.learn(self.minute, count)
        self._set_limit()

    def _begin_minute(self) -> None:
        self.first = None
        self.mixed = self.storm is not None  # then it is of no interest
        self._noisiest = Noisiest()
        self._aim(0)

    def _set_limit(self) -> None:
        p99 = self.quiet.p99()
        scaled = 0 if p99 is None else int(self._policy.factor * p99)
        floor = self._policy.floor
        self.limit = max(_learned_floor(self.quiet.largest()) if floor is None else floor, scaled)

    # -- state

    def snapshot(self) -> PulseState:
        """Return all there is to keep, as what msgpack can write."""
        storm = None if self.storm is None else self.storm.snapshot()
        return self.minute, self.count, self.mixed, self._noisiest.snapshot(), self.quiet.snapshot(), storm

    @classmethod
    def restored(cls, state: PulseState, policy: StormPolicy) -> Pulse:
        """Return what `snapshot` was taken of, under the policy that is in force now."""
        minute, count, mixed, noisiest, quiet, storm = state
        pulse = cls(policy, minute)
        pulse.quiet = QuietMinutes.restored(quiet)
        pulse.storm = None if storm is None else Storm.restored(storm)
        pulse._noisiest = Noisiest.restored(noisiest)
        pulse.mixed = mixed
        pulse._set_limit()
        pulse._aim(count)
        return pulse


def _learned_floor(largest: int | None) -> int:
    return UNKNOWN if largest is None else min(UNKNOWN, max(LEAST, _MARGIN * largest))
