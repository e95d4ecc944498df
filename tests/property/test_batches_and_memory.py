"""How records are cut into batches, when rows are written and how much fits into memory changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from agents.ingest import RAW_TOPIC
from tables import keys
from tables.progress import Progress, read_progress
from tests.merged_rows import merged
from tests.property.streams import ODD_PERIODS, PARTITIONS, PERIODS, cuts, records
from tests.step_driver import Driver, Left, Record

if TYPE_CHECKING:
    from pipeline.domain.alert import Periods

STREAMS = records().flatmap(lambda stream: st.tuples(st.just(stream), cuts(len(stream))))
BOTH = st.sampled_from([PERIODS, ODD_PERIODS])


def in_one(driver: Driver, stream: list[Record]) -> None:
    driver.take(stream)
    driver.checkpoint()


def by_topic(left: list[Left]) -> dict[str, list[Left]]:
    """Return what left by topic: between topics there is no order, as each batch leaves topic by topic."""
    topics: dict[str, list[Left]] = {}
    for one in left:
        topics.setdefault(one.topic, []).append(one)
    return topics


@given(BOTH, STREAMS, st.booleans())
def test_any_batching_gives_the_same_outputs_and_the_same_rows(
    periods: Periods, cut_stream: tuple[list[Record], list[int]], checkpoints: bool
) -> None:
    stream, ends = cut_stream
    whole, cut = Driver(periods, partitions=PARTITIONS), Driver(periods, partitions=PARTITIONS)
    in_one(whole, stream)
    for start, end in zip([0, *ends], ends, strict=False):
        # A batch may begin with records that were in the one before: they are in the state already.
        cut.take(stream[max(0, start - 2) : end])
        if checkpoints:
            cut.checkpoint()
    cut.checkpoint()
    assert by_topic(cut.left) == by_topic(whole.left)
    assert merged(cut.rows) == merged(whole.rows)
    assert cut.tally == whole.tally


@given(BOTH, STREAMS, st.integers(0, 3))
def test_a_memory_for_few_alerts_gives_the_same_outputs_and_the_same_rows(
    periods: Periods, cut_stream: tuple[list[Record], list[int]], capacity: int
) -> None:
    stream, ends = cut_stream
    roomy = Driver(periods, partitions=PARTITIONS)
    tight = Driver(periods, partitions=PARTITIONS, capacity=capacity)
    in_one(roomy, stream)
    for start, end in zip([0, *ends], ends, strict=False):
        tight.take(stream[start:end])
        tight.checkpoint()
        tight.checkpoint()  # the first writes whole what was merely counted, the second lets go of it
        assert len(tight.step.alerts) <= capacity
    assert by_topic(tight.left) == by_topic(roomy.left)
    assert merged(tight.rows) == merged(roomy.rows)
    assert tight.tally == roomy.tally
    assert tight.step.alerts.open_count == roomy.step.alerts.open_count


@given(BOTH, STREAMS)
def test_progress_is_where_the_stream_is(periods: Periods, cut_stream: tuple[list[Record], list[int]]) -> None:
    stream, _ = cut_stream
    driver = Driver(periods, partitions=PARTITIONS)
    in_one(driver, stream)
    progress = read_progress(driver.rows[keys.PROGRESS], Progress(RAW_TOPIC, 0, PARTITIONS))
    assert progress.offset == stream[-1].offset + 1
    assert progress.stream_ms == max(record.timestamp for record in stream)


@given(BOTH, STREAMS)
def test_every_row_belongs_to_an_alert_that_is_known(
    periods: Periods, cut_stream: tuple[list[Record], list[int]]
) -> None:
    stream, _ = cut_stream
    driver = Driver(periods, partitions=PARTITIONS)
    in_one(driver, stream)
    alerts = {key for key in driver.rows if key[:1] == keys.ALERT}
    assert len(driver.step.alerts) == len(alerts)
