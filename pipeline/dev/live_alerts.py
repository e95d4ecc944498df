"""An open loop of alerts that all cause a change: how long it takes from produce until the change can be read.

The time of each is counted from when it was due, so that a stall counts for all that it held up.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.dev.outcome import live_tenant
from pipeline.dev.playback import encode
from pipeline.domain.fingerprint import fingerprint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.dev.playback import Episode
    from pipeline.kafka_io import Sender

RATE: Final = 500
SECONDS: Final = 6
_TENANTS: Final = 8  # of each recorded one, so that they spread over the partitions
_labels = msgspec.json.Decoder(dict[str, str]).decode

Due = dict[tuple[str, str, str], float]


def live_alerts(episodes: Sequence[Episode], count: int) -> list[Episode]:
    """Return `count` different alerts, made of the recorded ones for tenants of their own."""
    distinct = list({(one.tenant_id, one.name, bytes(one.labels)): one for one in episodes}.values())
    made: dict[tuple[str, str, bytes], Episode] = {}
    for number, one in enumerate(islice(cycle(distinct), max(count, 0) if distinct else 0)):
        tenant = live_tenant(one.tenant_id, number % _TENANTS + number // len(distinct) * _TENANTS)
        made[tenant, one.name, bytes(one.labels)] = msgspec.structs.replace(one, tenant_id=tenant)
    return list(made.values())


def send_live(sender: Sender, alerts: Sequence[Episode], rate: float = RATE) -> Due:
    """Open each alert and then resolve each, `rate` a second; return when each change was due (perf_counter)."""
    due: Due = {}
    start = time.perf_counter()
    for index, (alert, status, change) in enumerate(_events(alerts)):
        moment = start + index / rate
        while (left := moment - time.perf_counter()) > 0:
            sender.poll(left)
        now = datetime.now(UTC)
        value = encode(
            msgspec.structs.replace(alert, starts_at=now, ends_at=now), status, now if status == "resolved" else None, 0
        )
        due[alert.tenant_id, fingerprint_of(alert.name, _labels(alert.labels)), change] = moment
        sender.send(alert.tenant_id.encode(), value, int(now.timestamp() * 1000))
        sender.poll()
    sender.finish()
    return due


def _events(alerts: Sequence[Episode]) -> Iterator[tuple[Episode, str, str]]:
    yield from ((alert, "firing", "opened") for alert in alerts)
    yield from ((alert, "resolved", "resolved") for alert in alerts)
