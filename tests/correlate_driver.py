"""What tests of the correlate step share: changes to give it, and whoever drives it where there is no broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from agents.correlate import CorrelateStep
from agents.correlators import TENANTS
from pipeline.domain.correlation.settings import CorrelationSettings
from pipeline.domain.fingerprint import fingerprint_of
from pipeline.domain.timestamps import to_text
from tables.store import DictStore
from tests.step_driver import Crash, Left, Record

if TYPE_CHECKING:
    from collections.abc import Sequence


def change(
    offset: int,
    at: int,
    name: str = "HighCPU",
    what: str = "opened",
    *,
    tenant: str = "acme",
    record_id: str | None = None,
    severity: str = "warning",
    verdict: str = "active",
    by: str = "silence:s-1",
    source: str = "prometheus",
    **labels: str,
) -> Record:
    """Return a record of alerts.enriched."""
    said: dict[str, Any] = {
        "id": f"{offset:032x}" if record_id is None else record_id,
        "tenant_id": tenant,
        "fingerprint": fingerprint_of(name, labels),
        "name": name,
        "severity": severity,
        "status": "resolved" if what in ("resolved", "expired") else "firing",
        "change": what,
        "count": 1,
        "starts_at": to_text(at),
        "labels": labels,
        "annotations": {"summary": f"{name} is what it is"},
        "source": source,
        "verdict": verdict,
        "suppressed_by": [by] if verdict == "suppressed" else [],
    }
    return Record(offset, at, msgspec.json.encode(said), key=tenant.encode())


@dataclass
class CorrelateDriver:
    """Drives a step as a partition's task does in at_least_once: what it tells leaves at once."""

    settings: CorrelationSettings = field(default_factory=CorrelationSettings)
    rows: dict[bytes, bytes] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    tenants: int = TENANTS  # in memory

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew from the committed rows."""
        self.store = DictStore(dict(self.rows))
        self.step = CorrelateStep(self.store, partition=0, partitions=1, settings=self.settings, tenants=self.tenants)
        self._let_leave()

    def take(self, *batch: Record) -> None:
        """Process one batch."""
        assert self.step.process(batch, 0) == len(batch)
        self._let_leave()

    def take_control(self, *records: Record, crash_after_seal: bool = False) -> None:
        """Let control records have their effect as a task does: sealed first, applied then."""
        self.step.seal_control(records)
        self.checkpoint()
        if crash_after_seal:
            raise Crash
        self.step.apply_control()
        self._let_leave()

    def pass_time(self, now_ms: int, *, crash_after_seal: bool = False) -> None:
        """Let time pass to a wall clock at which nothing was left to read."""
        if self.step.next_timer_ms > now_ms:
            return
        self.step.seal(now_ms, tick=True)
        self.checkpoint()
        if crash_after_seal:
            raise Crash
        self.step.advance(now_ms)
        self._let_leave()

    def checkpoint(self) -> None:
        """Make everything durable."""
        rows = self.step.snapshot()
        self.store.write(rows)
        store = DictStore(self.rows)
        store.write(rows)
        self.step.shrink()

    def _let_leave(self) -> None:
        for topic, outputs in self.step.take_emitted().by_topic().items():
            self.left += [Left(topic, output) for output in outputs]

    def told(self) -> list[dict[str, Any]]:
        """Return what left for alerts.correlated since the last call."""
        found = [msgspec.json.decode(one.output.value or b"") for one in self.left if one.topic == "alerts.correlated"]
        self.left.clear()
        return found


def in_order(left: Sequence[Left]) -> list[tuple[str, str]]:
    """Return (topic, id) of what left, in its order."""
    return [(one.topic, next(text.decode() for name, text in one.output.headers if name == "id")) for one in left]
