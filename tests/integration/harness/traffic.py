"""Alerts of every kind at chosen times: what makes each path of the ingest agent be walked.

Event time runs ahead of the wall clock by as much as the caller likes: a record is `step_ms` after the one before.
Seen from one tenant there are repeats, severity changes, resolves, expiries, reopenings, digests, copies of a
delivery, late records, bad records and records on a wrong partition.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bench.load import balanced_tenants, partition_of
from pipeline.domain.timestamps import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITIONS = 4
SEVERITIES = ("info", "warning", "error", "critical", "P1", "5")
BAD: tuple[bytes | None, ...] = (
    None,
    b"",
    b"not json",
    b"\xff\xfe",
    b"[1, 2]",
    b"[" * 10_000,
    b'{"tenant_id":"acme"}',
    b'{"name":"HighCPU"}',
    b'{"tenant_id":"NOT A TENANT","name":"HighCPU"}',
    b'{"tenant_id":"acme","name":7}',
    b'{"tenant_id":"acme","name":"HighCPU","severity":"loud"}',
)


class Sent(NamedTuple):
    """One record to produce."""

    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class Mix:
    """The shares of what is not a plain repeat, and how many alerts there are."""

    tenants: int = 8
    series: int = 240  # of all tenants
    alive: int = 120  # of these at a time; the others fall silent and expire
    resolved: float = 0.05
    severity: float = 0.04
    identified: float = 0.06  # carries a sender's id; half of them are copies of one before
    late: float = 0.03
    ending: float = 0.04  # announces its end
    bad: float = 0.01
    misplaced: float = 0.03


EVERYTHING = Mix()


PLAIN = Mix(severity=0, identified=0, late=0, ending=0, bad=0, misplaced=0)


def traffic(seed: int, count: int, start_ms: int, step_ms: float, mix: Mix = EVERYTHING) -> Iterator[Sent]:
    """Yield `count` records, the same for the same arguments; `step_ms` need not be whole, their times are."""
    rng = random.Random(seed)  # noqa: S311 - load, not a secret
    tenants = balanced_tenants(mix.tenants, PARTITIONS)
    loud = [rng.choice(SEVERITIES) for _ in range(mix.series)]
    copies: list[Sent] = []
    for n in range(count):
        now = start_ms + int(n * step_ms)
        at = now - rng.randrange(20_000) if rng.random() < mix.late else now
        if rng.random() < mix.bad:
            yield Sent(rng.randrange(PARTITIONS), b"any", rng.choice(BAD), at, [("sender", b"bad")])
            continue
        identified = rng.random() < mix.identified
        if identified and copies and rng.random() < 0.5:
            copy = rng.choice(copies[-50:])
            yield copy._replace(timestamp=at)
            continue
        # The window of alerts that are alive moves on: what it leaves expires, and comes back a round later.
        which = (rng.randrange(mix.alive) + n // 40) % mix.series
        if rng.random() < mix.severity:
            loud[which] = rng.choice(SEVERITIES)
        sent = alert(which, tenants[which % mix.tenants], loud[which], at, rng, mix, f"id-{n}" if identified else None)
        if identified:
            copies.append(sent)
        yield sent


def alert(which: int, tenant: str, severity: str, at: int, rng: random.Random, mix: Mix, delivery: str | None) -> Sent:
    resolved = rng.random() < mix.resolved
    body: dict[str, object] = {
        "tenant_id": tenant,
        "name": f"Rule{which % 7}",
        "severity": severity,
        "status": "resolved" if resolved else "firing",
        "labels": {"instance": f"10.0.0.{which}:9100", "service": f"s{which % 5}"},
        "annotations": {"summary": f"number {rng.randrange(1000)}"},
        "value": rng.randrange(1000) / 1000,
    }
    if delivery is not None:
        body["id"] = delivery
    if not resolved and rng.random() < mix.ending:
        body["ends_at"] = to_text(at + rng.randrange(-2_000, 30_000))
    if rng.random() < 0.05:
        body["team"] = f"team-{which % 3}"
    headers = [("traceparent", f"00-{which:032x}-{at:016x}-01".encode())] if rng.random() < 0.05 else []
    belongs = partition_of(tenant, PARTITIONS)
    misplaced = rng.random() < mix.misplaced
    place = (belongs + rng.randrange(1, PARTITIONS)) % PARTITIONS if misplaced else belongs
    key = None if misplaced and rng.random() < 0.5 else tenant.encode()
    return Sent(place, key, json.dumps(body).encode(), at, headers)
