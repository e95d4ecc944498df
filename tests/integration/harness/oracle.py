"""What must have come out: the pure pipeline over the same records, and how what did come out differs from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from agents.ingest import DEAD_TOPIC, ENRICHED_TOPIC, RAW_TOPIC, IngestStep
from pipeline.schemas import records as headers_of
from tables import keys
from tables.progress import Progress, read_progress
from tables.store import DictStore
from tests.integration.harness.traffic import PARTITIONS
from tests.merged_rows import merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agents.suppress.defaults import Defaults
    from pipeline.domain.alert import Periods
    from pipeline.schemas.records import Output
    from tests.integration.harness.kafka_side import Read

_BATCH = 500
_EXAMPLES = 10
_COUNT = 4  # the place of `count` in an alert's row


class Told(NamedTuple):
    """One output, without what may differ from one run to the next."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int
    partition: int

    @property
    def id(self) -> str:
        """Return what makes it the same output, however often it appears."""
        return next((text.decode() for name, text in self.headers if name == headers_of.ID), "no id")


@dataclass(frozen=True)
class Outcome:
    """All that is to be compared: outputs by topic, and rows by partition."""

    told: dict[str, list[Told]]
    rows: dict[int, dict[bytes, bytes]]


def expected(raw: Iterable[Read], periods: Periods, defaults: Defaults) -> Outcome:
    """Return what the pure pipeline makes of alerts.raw, in event time."""
    by_partition: dict[int, list[Read]] = {p: [] for p in range(PARTITIONS)}
    for record in raw:
        by_partition[record.partition].append(record)
    told: dict[str, list[Told]] = {ENRICHED_TOPIC: [], DEAD_TOPIC: []}
    rows = {}
    for partition, records in by_partition.items():
        store = DictStore()
        step = IngestStep(
            store,
            topic=RAW_TOPIC,
            partition=partition,
            partitions=PARTITIONS,
            periods=periods,
            wall_clock=False,
            defaults=defaults,
        )
        for start in range(0, len(records), _BATCH):
            batch = records[start : start + _BATCH]
            if step.process(batch, 0) != len(batch):
                raise AssertionError("in event time the pipeline waits for no clock")
            emitted = step.take_emitted()
            told[ENRICHED_TOPIC] += map(_told, emitted.enriched)
            told[DEAD_TOPIC] += map(_told, emitted.dead)
        store.write(step.snapshot())
        rows[partition] = store.rows if records else {}
    return Outcome(told, rows)


def _told(output: Output) -> Told:
    return Told(output.key, output.value, tuple(output.headers), output.timestamp, output.partition)


def found(records: Iterable[Read]) -> list[Told]:
    """Return records of an output topic as outputs."""
    return [Told(one.key, one.value, one.headers, one.timestamp, one.partition) for one in records]


def newest_rows(changelog: Iterable[Read]) -> dict[int, dict[bytes, bytes]]:
    """Return the rows that a changelog amounts to, by partition."""
    rows: dict[int, dict[bytes, bytes]] = {p: {} for p in range(PARTITIONS)}
    for record in changelog:
        key = record.key or b""
        if record.value is None:
            rows[record.partition].pop(key, None)
        else:
            rows[record.partition][key] = record.value
    return rows


@dataclass
class Verdict:
    """How a run compares with the oracle. Everything but `records` and `told` should be zero or empty."""

    records: int
    told: Counter[str]  # what the oracle expects: changes by kind, dead letters by reason
    lost: int = 0  # outputs that never appeared
    unexpected: int = 0  # outputs that should not exist
    differing: int = 0  # outputs whose id is right and whose contents are not
    repeated: int = 0  # appearances of outputs beyond the first
    disordered: int = 0  # partitions of a topic in which first appearances are not in the oracle's order
    counted_twice: int = 0  # alerts whose count is above the oracle's
    rows_differing: int = 0
    examples: list[str] = field(default_factory=list)

    def faults(self, *, exactly_once: bool) -> dict[str, object]:
        """Return what is wrong, by name; nothing if nothing is."""
        names = ["lost", "unexpected", "differing", "disordered", "counted_twice", "rows_differing"]
        wrong: dict[str, object] = {name: getattr(self, name) for name in names if getattr(self, name)}
        if exactly_once and self.repeated:
            wrong["repeated"] = self.repeated
        return wrong and {**wrong, "examples": self.examples}

    def note(self, example: str) -> None:
        """Keep an example of what is wrong; a few are enough."""
        if len(self.examples) < _EXAMPLES:
            self.examples.append(example)


def compare(records: int, wanted: Outcome, got: Outcome) -> Verdict:
    """Return how `got` differs from `wanted`."""
    verdict = Verdict(records, Counter(map(_kind, [one for all_ in wanted.told.values() for one in all_])))
    for topic, outputs in wanted.told.items():
        _compare_outputs(verdict, topic, outputs, got.told[topic])
    for partition, rows in wanted.rows.items():
        _compare_rows(verdict, partition, rows, got.rows[partition])
    return verdict


def _compare_outputs(verdict: Verdict, topic: str, wanted: Sequence[Told], got: Sequence[Told]) -> None:
    by_id = {one.id: one for one in wanted}
    if len(by_id) != len(wanted):
        verdict.note(f"{topic}: the oracle itself gives {len(wanted) - len(by_id)} ids twice")
        verdict.unexpected += len(wanted) - len(by_id)
    seen: dict[str, None] = {}
    for one in got:
        if one.id in seen:
            verdict.repeated += 1
        seen[one.id] = None
        should = by_id.get(one.id)
        if should is None:
            verdict.unexpected += 1
            verdict.note(f"{topic}: unexpected {one}")
        elif should != one:
            verdict.differing += 1
            verdict.note(f"{topic}: wanted {should}\n  got {one}")
    lost = [one for one in wanted if one.id not in seen]
    verdict.lost += len(lost)
    for one in lost[:5]:
        verdict.note(f"{topic}: lost {one}")
    for partition in range(PARTITIONS):
        order = [one.id for one in wanted if one.partition == partition and one.id in seen]
        if order != [one for one in seen if one in by_id and by_id[one].partition == partition]:
            verdict.disordered += 1


def _compare_rows(verdict: Verdict, partition: int, wanted: Mapping[bytes, bytes], got: Mapping[bytes, bytes]) -> None:
    wanted, got = merged(wanted), merged(got)
    for key in sorted({*wanted, *got}):
        should, is_ = wanted.get(key), got.get(key)
        if should == is_ or (key == keys.PROGRESS and _same_progress(partition, should, is_)):
            continue
        verdict.rows_differing += 1
        shown: list[Any] = [
            None if row is None else msgspec.msgpack.decode(row) if key[:1] in b"ap" else row for row in (should, is_)
        ]
        verdict.note(f"row {partition} {key!r}: wanted {shown[0]!r}, got {shown[1]!r}")
        if key[:1] == keys.ALERT and None not in (should, is_) and shown[1][_COUNT] > shown[0][_COUNT]:
            verdict.counted_twice += 1


def _same_progress(partition: int, wanted: bytes | None, got: bytes | None) -> bool:
    if wanted is None or got is None:
        return False
    place = Progress(RAW_TOPIC, partition, PARTITIONS)
    one, other = read_progress(wanted, place), read_progress(got, place)
    return (one.offset, one.stream_ms) == (other.offset, other.stream_ms)


def _kind(told: Told) -> str:
    reason = next((text.decode() for name, text in told.headers if name == headers_of.REASON), None)
    return reason or str(msgspec.json.decode(told.value or b"{}")["change"])
