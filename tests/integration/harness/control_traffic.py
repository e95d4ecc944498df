"""Rules that come and go beside the load: made, changed and deleted, beginning and ending while alerts come.

Beside them stands what adapts: alerts of all tenants may flap, and be steady again; what comes of one tenant is a
storm now and then not one; another is throttled, and has no other rules, so that nothing else hides its alerts.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bench.load import balanced_tenants, partition_of
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.timestamps import to_text
from pipeline.schemas.outputs import CONTROL_TOPIC
from tests.integration.harness.kafka_side import TopicReader
from tests.integration.harness.sender import Sender
from tests.integration.harness.traffic import EVERYTHING, PARTITIONS, Sent
from tests.step_driver import SECOND, control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.harness.scene import Scene

RATE: Final = 40.0  # records a second
# What a silence lasts in event time. The shortest are over before a worker is back, the longest outlive it.
_LASTS: Final = (4, 10, 25, 60, 150)
_LAST_WORD_AFTER: Final = 5  # rules: so many later a rule is changed, and as many later it may be deleted
_TENANTS: Final = balanced_tenants(EVERYTHING.tenants, PARTITIONS)
_STORMY, _THROTTLED = _TENANTS[0], _TENANTS[-1]
_TURNS_EVERY: Final = 30  # rules: so many later what was a storm is none any more, or the other way round
# An eighth of the load is far above the one, and far below the other.
_STORM: Final = {"floor": 20, "quiet_minutes": 1}
_NO_STORM: Final = {"floor": 10_000, "quiet_minutes": 1}
_SLOWLY: Final = {"throttle": {"per_minute": 6, "burst": 2, "name_per_minute": 3, "name_burst": 1}}
FLAPS: Final = FlapPolicy(window=60 * SECOND, start_at=3, end_at=1)
"""What flaps, for all tenants: in force before the first alert, so that it is part of the life of all of them."""


class ControlTraffic:
    """Rules on their way to a scene that is under load; `now` tells the time in it."""

    def __init__(self, scene: Scene, seed: int, now: Callable[[], int]) -> None:
        self._now = now
        self._sender = Sender(scene.client, CONTROL_TOPIC)
        self._reader = TopicReader(scene.client, CONTROL_TOPIC, dict.fromkeys(range(PARTITIONS), 0))
        self._sender.send(self._policies())
        self._sender.start(self._versions(random.Random(seed)), RATE)  # noqa: S311 - load, not a secret

    def stop(self) -> None:
        """Send no more, and wait until what was sent has arrived."""
        self._sender.stop()

    def close(self) -> None:
        """End everything."""
        self.stop()
        self._reader.close()

    def newest(self) -> dict[str, int]:
        """Return the newest version of every rule on the topic."""
        return {(one.key or b"").decode(): version_of(one.value or b"") for one in self._reader.read_to_end()}

    def _policies(self) -> Iterator[Sent]:
        """Yield what stays as it is."""
        flaps = {"window": f"{FLAPS.window}ms", "start_at": FLAPS.start_at, "end_at": FLAPS.end_at}
        for tenant in _TENANTS:
            yield self._version(tenant, "flap_policy", "flaps", flaps, 1)
        yield self._version(_THROTTLED, "tenant", _THROTTLED, _SLOWLY, 1)

    def _versions(self, rng: random.Random) -> Iterator[Sent]:
        """Yield versions of rules without end, each made for the moment at which it is asked for."""
        number = 0
        later: dict[int, list[tuple[str, str, dict[str, Any] | None, int]]] = {}
        while True:
            turns, rest = divmod(number, _TURNS_EVERY)
            if not rest:
                yield self._version(_STORMY, "storm_policy", "storm", _NO_STORM if turns % 2 else _STORM, turns + 1)
            tenant, rule = rng.choice(_TENANTS[:-1]), f"Rule{rng.randrange(7)}"
            begins = self._now() + rng.randrange(-5, 20) * SECOND
            ends = begins + rng.choice(_LASTS) * SECOND
            spec = {"matchers": [f'alertname="{rule}"'], "starts_at": to_text(begins), "ends_at": to_text(ends)}
            if number % 10 == 0:
                inhibit = {
                    "source_matchers": [f'alertname="{rule}"', 'severity="critical"'],
                    "target_matchers": ['severity="info"'],
                    "equal": ["service"],
                }
                yield self._version(tenant, "inhibit_rule", f"i-{number}", inhibit, 1)
            elif number % 10 == 1:
                yield self._version(tenant, "maintenance_window", f"m-{number}", spec, 1)
            else:
                silence = f"s-{number}"
                yield self._version(tenant, "silence", silence, spec, 1)
                longer = {**spec, "ends_at": to_text(ends + 20 * SECOND)}
                later.setdefault(number + _LAST_WORD_AFTER, []).append((tenant, silence, longer, 2))
                if number % 5 == 0:
                    later.setdefault(number + 2 * _LAST_WORD_AFTER, []).append((tenant, silence, None, 3))
            for tenant, silence, changed, version in later.pop(number, ()):
                yield self._version(tenant, "silence", silence, changed, version)
            number += 1

    def _version(self, tenant: str, kind: str, rule_id: str, spec: dict[str, Any] | None, version: int) -> Sent:
        made = control(0, kind, rule_id, spec, tenant=tenant, version=version, at=self._now())
        return Sent(partition_of(tenant, PARTITIONS), made.key, made.value, made.timestamp, [])


def version_of(value: bytes) -> int:
    """Return the version of a control record."""
    version: int = msgspec.json.decode(value)["version"]
    return version
