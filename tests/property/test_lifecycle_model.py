"""The step does what a slow and plain model of it does, and every record is counted in exactly one place."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.change import Change
from pipeline.domain.reasons import Unchanged
from pipeline.domain.severity import LABELS
from pipeline.domain.timestamps import to_ms
from tests.property.model import Model, Told
from tests.property.streams import ODD_PERIODS, PARTITIONS, PERIODS, records
from tests.step_driver import HOUR, Driver, Record, body

if TYPE_CHECKING:
    from pipeline.domain.alert import Periods
    from pipeline.schemas.records import Output

OF_RECORDS = [change for change in Change if change not in (Change.EXPIRED, Change.REPEATED)]


def moment(text: str | None) -> int | None:
    return None if text is None else to_ms(datetime.fromisoformat(text))


def told(output: Output) -> Told:
    """Return what of an output the model tells as well."""
    said = body(output)
    starts_at, last_seen = moment(said["starts_at"]), moment(said["last_seen_at"])
    assert starts_at is not None
    assert last_seen is not None
    return Told(
        said["tenant_id"],
        said["fingerprint"],
        said["change"],
        LABELS.index(said["severity"]),
        said["status"],
        said["count"],
        starts_at,
        last_seen,
        moment(said["ends_at"]),
        said["value"],
        output.timestamp,
    )


@given(st.sampled_from([PERIODS, ODD_PERIODS]), st.lists(records(max_size=30), min_size=1, max_size=3), st.data())
def test_the_step_tells_what_the_model_tells(
    periods: Periods, stretches: list[list[Record]], data: st.DataObject
) -> None:
    driver = Driver(periods, partitions=PARTITIONS)
    model = Model(periods, partition=0, partitions=PARTITIONS)
    offset = 0
    for stretch in stretches:
        batch = [Record(offset + n, one.timestamp, one.value, one.headers) for n, one in enumerate(stretch)]
        offset += len(batch)
        driver.take(batch)
        for record in batch:
            model.take(record)
        # Between two stretches somebody looks at the clock.
        now = model.now + data.draw(st.sampled_from([0, 1, 999, 60_000, 10 * 60_000]), "quiet for")
        driver.step.advance(now)
        model.pass_time(now)
    driver.pass_time(model.now)  # only lets leave what is left
    driver.take([Record(offset, model.now, None)])
    model.take(Record(offset, model.now, None))
    driver.checkpoint()

    assert [told(left.output) for left in driver.left if left.topic == "alerts.enriched"] == model.told
    assert driver.step.alerts.open_count == sum(life.open for life in model.lives.values())
    assert len(driver.step.alerts) == len(model.lives)
    assert len(driver.step.deliveries) == len(model.deliveries)


@given(st.sampled_from([PERIODS, ODD_PERIODS]), records())
def test_every_record_is_counted_in_exactly_one_place(periods: Periods, stream: list[Record]) -> None:
    driver = Driver(periods, partitions=PARTITIONS)
    model = Model(periods, partition=0, partitions=PARTITIONS)
    driver.take(stream)
    for record in stream:
        model.take(record)
    driver.checkpoint()
    tally, fate = driver.tally, model.fate

    assert fate.total() == len(stream)
    told: Counter[str] = Counter()
    for (_, change), count in tally.changes.items():
        told[change.value] += count
    assert {change: told[change] for change in OF_RECORDS} == {change: fate[change] for change in OF_RECORDS}
    assert {reason: tally.unchanged[reason] for reason in Unchanged} == {reason: fate[reason] for reason in Unchanged}
    assert (tally.rejected.total(), tally.forwarded) == (fate["rejected"], fate["forwarded"])
    # What was neither refused nor sent on nor here before was processed, and so was every repeat.
    assert tally.processed.total() == (len(stream) - fate["rejected"] - fate["forwarded"] - fate["duplicate_forward"])


@given(records())
def test_the_last_word_on_an_alert_tells_how_often_it_fired(stream: list[Record]) -> None:
    driver = Driver(PERIODS, partitions=PARTITIONS)
    model = Model(PERIODS, partition=0, partitions=PARTITIONS)
    driver.take(stream)
    for record in stream:
        model.take(record)
    driver.step.advance(model.now + 2 * HOUR * 24)
    driver.take([Record(stream[-1].offset + 1, 0, None)])
    fired = ["opened", "reopened", "severity_raised", "severity_lowered", "repeat"]
    last_words = [
        said["count"]
        for said in (body(left.output) for left in driver.left if left.topic == "alerts.enriched")
        if said["change"] in {"resolved", "expired"}
    ]
    assert sum(last_words) == sum(model.fate[kind] for kind in fired)
    assert driver.step.alerts.open_count == 0
