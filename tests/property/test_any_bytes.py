"""Whatever bytes arrive, the step goes on: each record is told, refused with a reason, or counted with one."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain.reasons import Rejection
from tests.step_driver import HOUR, MINUTE, T0, Driver, Record, alert_json, header

VALID = alert_json(
    severity="critical",
    status="firing",
    labels={"service": "checkout", "zone": "ü"},
    annotations={"summary": "CPU over 90 %"},
    starts_at="2023-11-14T22:00:00Z",
    ends_at="2023-11-14T23:00:00Z",
    source="prometheus",
    value=0.93,
    id="i-1",
    fingerprint="mine",
    extra={"truth": [1, {"a": None}]},
    team="db",
)

NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
FIELDS = [
    "tenant_id", "name", "severity", "status", "labels", "annotations", "starts_at", "ends_at", "source", "value",
    "generator_url", "id", "fingerprint", "extra", "other",
]  # fmt: skip
# Pieces that stand between valid and broken.
SHREDS = st.sampled_from(
    [b'"', b"\\", b"\\u0000", b"\\ud800", b"\xff", b"\x00", b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999",
     b"-", b"9" * 25, b"[" * 1200, b"\xc3", b"T", b"Z", b"-23:59", b"9999", b"0001"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a valid record with some bytes cut out and some put in."""
    value = VALID
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(value)))
        end = min(len(value), start + draw(st.sampled_from([0, 0, 1, 2, 9])))
        value = value[:start] + draw(st.one_of(SHREDS, st.binary(max_size=3))) + value[end:]
    return value


OBJECTS = st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=6).map(
    lambda fields: alert_json(**{"tenant_id": "acme", "name": "n", **fields})  # type: ignore[arg-type]
)
HUGE = 1 << 64
VALUES = st.one_of(st.none(), st.binary(max_size=40), mutated(), OBJECTS.filter(lambda value: len(value) < 1 << 20))
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["forwarded-from", "traceparent", "id", ""]),
        st.one_of(st.none(), st.binary(max_size=12), st.sampled_from([b"alerts.raw/0/3", b"t/1/" + b"9" * 30, b"//"])),
    ),
    max_size=2,
)
TIMESTAMPS = st.one_of(st.integers(T0 - MINUTE, T0 + MINUTE), st.integers(-2, (1 << 63) - 1))


@given(st.lists(st.tuples(VALUES, HEADERS, TIMESTAMPS), min_size=1, max_size=8), st.booleans())
@example([(b'{"tenant_id":"acme","name":"n","x":' + b"9" * 30 + b"}", [], T0)], False)
@example([(b'{"tenant_id":"acme","name":"n","x":1e999}', [], T0)], False)
@example([(alert_json(ends_at="9999-12-31T23:59:59-23:59"), [], T0), (b"", [], T0 + HOUR)], True)
@example([(alert_json(), [], (1 << 63) - 1)], False)
@example([(alert_json(), [("forwarded-from", b"t/0/" + b"9" * 30)], T0)], False)
def test_every_record_ends_somewhere_and_the_next_one_is_processed(
    arrivals: list[tuple[bytes | None, list[tuple[str, bytes | None]], int]], wall_clock: bool
) -> None:
    driver = Driver(wall_clock=wall_clock, partitions=2)
    stream = [
        Record(offset, at, value, tuple(headers))  # type: ignore[arg-type]  # a header may be null
        for offset, (value, headers, at) in enumerate(arrivals)
    ]
    driver.take(stream, T0)
    driver.checkpoint()
    assert driver.step.next_offset == len(stream)
    tally = driver.tally
    told_of = {header(left.output, "origin") for left in driver.left}
    repeats = len(stream) - tally.rejected.total() - tally.forwarded - tally.unchanged.total()
    assert 0 <= repeats <= tally.processed.total()
    dead = [left.output for left in driver.left if left.topic == "alerts.dlq"]
    assert len(dead) == tally.rejected.total()
    for letter in dead:
        [offset] = [int(text.rsplit("/", 1)[1]) for text in [header(letter, "origin") or ""]]
        assert letter.value == stream[offset].value
        assert header(letter, "reason") in {reason.value for reason in Rejection}
    if repeats == 0 and not tally.forwarded and not tally.unchanged:
        assert len(told_of) == len(stream)
    # And from the rows another worker can begin.
    driver.restart()
    driver.take([Record(len(stream), T0 + 2 * HOUR, None)], T0 + 2 * HOUR)
    driver.checkpoint()
    assert driver.step.next_offset == len(stream) + 1
