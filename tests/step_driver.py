"""What tests of the ingest step share: records to give it, and whoever drives it where there is no broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from agents.ingest import RAW_TOPIC, IngestStep
from pipeline.domain.alert import Periods
from pipeline.domain.tally import Tally
from pipeline.domain.timestamps import to_text
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.suppress.defaults import Defaults
    from pipeline.schemas.records import Output
    from tables.store import Rows

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
T0 = 1_700_000_000_000  # 2023-11-14T22:13:20Z, a whole second


@dataclass(slots=True)
class Record:
    """A record as the consumer hands it over."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    key: bytes | None = None
    timestamp_type: int = 0


def alert_json(tenant_id: str = "acme", name: str = "HighCPU", **fields: Any) -> bytes:
    """Return the value of a record of alerts.raw."""
    return msgspec.json.encode({"tenant_id": tenant_id, "name": name, **fields})


def firing(offset: int, timestamp: int, **fields: Any) -> Record:
    """Return a firing record."""
    return Record(offset, timestamp, alert_json(**fields))


def resolved(offset: int, timestamp: int, **fields: Any) -> Record:
    """Return a resolved record."""
    return Record(offset, timestamp, alert_json(status="resolved", **fields))


def control(
    offset: int,
    kind: str,
    rule_id: str,
    spec: dict[str, Any] | None,
    *,
    version: int = 1,
    tenant: str = "acme",
    author: str = "ada",
    comment: str = "upgrade",
    at: int = T0,
) -> Record:
    """Return a record of the control topic; without a spec it deletes."""
    said: dict[str, Any] = {
        "tenant_id": tenant,
        "kind": kind,
        "id": rule_id,
        "version": version,
        "author": author,
        "updated_at": to_text(at),
        "comment": comment,
        "deleted": spec is None,
    }
    if spec is not None:
        said["spec"] = spec
    return Record(offset, at, msgspec.json.encode(said), key=f"{tenant}/{kind}/{rule_id}".encode())


class Deaf:
    """An observer that notes nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def make_step(
    store: DictStore | None = None,
    *,
    partition: int = 0,
    partitions: int = 1,
    wall_clock: bool = False,
    on_report: Callable[[IngestStep, Tally], None] = lambda step, tally: None,
    **periods: Any,
) -> IngestStep:
    """Return a step over `store` that keeps every alert in memory."""
    return IngestStep(
        DictStore() if store is None else store,
        topic=RAW_TOPIC,
        partition=partition,
        partitions=partitions,
        periods=Periods(**periods),
        wall_clock=wall_clock,
        on_report=on_report,
    )


def process(step: IngestStep, *records: Record) -> None:
    """Process `records` as one batch, in event time."""
    done = step.process(records, 0)
    assert done == len(records), "in event time the step waits for no clock"


def body(output: Output) -> dict[str, Any]:
    """Return what the value of an output says."""
    assert output.value is not None
    said: dict[str, Any] = msgspec.json.decode(output.value)
    return said


def header(output: Output, name: str) -> str | None:
    """Return the text of the first header called `name`."""
    return next((text.decode() for header_name, text in output.headers if header_name == name), None)


def changes(step: IngestStep) -> list[tuple[str, int]]:
    """Return (change, count) of everything told since the last call."""
    return [(body(output)["change"], body(output)["count"]) for output in step.take_emitted().enriched]


class Left(NamedTuple):
    """One output that left, with the topic it went to; compared in full."""

    topic: str
    output: Output


class Crash(Exception):  # noqa: N818 - it is no error of the code under test
    """The worker was killed."""


@dataclass
class Driver:
    """Drives a step as a partition's task does in at_least_once: what it tells leaves at once.

    `rows` are what the last committed checkpoint holds: a crash loses everything else.
    """

    periods: Periods = field(default_factory=Periods)
    partition: int = 0
    partitions: int = 1
    capacity: int = 1 << 62
    wall_clock: bool = False
    defaults: Defaults | None = None
    left: list[Left] = field(default_factory=list)
    rows: dict[bytes, bytes] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    on_leave: Callable[[Left], None] = lambda left: None
    on_commit: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew from the committed rows."""
        self.store = DictStore(dict(self.rows))
        self.step = IngestStep(
            self.store,
            topic=RAW_TOPIC,
            partition=self.partition,
            partitions=self.partitions,
            periods=self.periods,
            capacity=self.capacity,
            wall_clock=self.wall_clock,
            defaults=self.defaults,
        )
        self._let_leave()

    def take_control(self, *records: Record, now_ms: int | None = None, crash_after_seal: bool = False) -> None:
        """Let control records have their effect as a task does: sealed first, applied then."""
        self._let_leave()
        self.step.seal_control(records)
        if now_ms is not None:
            self.step.seal(now_ms, tick=True)
        self.checkpoint()
        if crash_after_seal:
            raise Crash
        if now_ms is not None:
            self.step.advance(now_ms)
        self.step.apply_control()
        self._let_leave()

    def take(self, batch: Sequence[Record], wall_ms: int = 0, *, crash_after_seal: bool = False) -> None:
        """Process one batch, and seal the wall clock where the step asks for it."""
        done = self.step.process(batch, 0)
        seals = 0
        while done < len(batch):
            self.seal(wall_ms, tick=False)
            seals += 1
            if crash_after_seal:
                raise Crash
            assert seals <= len(batch), "the step asks for a clock again and again"
            done = self.step.process(batch, done)
        self._let_leave()

    def pass_time(self, now_ms: int, *, crash_after_seal: bool = False) -> None:
        """Ring what is due by a wall clock time at which nothing was left to read."""
        if self.step.next_timer_ms > now_ms:
            return
        self.seal(now_ms, tick=True)
        if crash_after_seal:
            raise Crash
        self.step.advance(now_ms)
        self._let_leave()

    def seal(self, now_ms: int, *, tick: bool) -> None:
        """Make the wall clock durable before anything is decided by it."""
        self._let_leave()
        self.step.seal(now_ms, tick=tick)
        self.checkpoint()

    def checkpoint(self) -> Rows:
        """Make everything durable, let go of what is too much, and return the rows that changed."""
        rows = self.step.snapshot()
        self.store.write(rows)
        self.step.shrink()
        self.rows = dict(self.store.rows)
        self._add(self.step.take_tally())
        self.on_commit()
        return rows

    def _let_leave(self) -> None:
        for topic, outputs in self.step.take_emitted().by_topic().items():
            for output in outputs:
                one = Left(topic, output)
                self.left.append(one)
                self.on_leave(one)

    def _add(self, tally: Tally) -> None:
        self.tally.processed += tally.processed
        self.tally.told += tally.told
        self.tally.unchanged += tally.unchanged
        self.tally.rejected += tally.rejected
        self.tally.forwarded += tally.forwarded
        self.tally.clamped += tally.clamped
