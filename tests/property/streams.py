"""Streams of records for properties to hold over: few alerts, much happening to each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from pipeline.domain.alert import Periods
from pipeline.domain.timestamps import to_text
from tests.step_driver import T0, Record, alert_json

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of two partitions, `acme` and `beta` belong to the first and `globex` to the second.
TENANTS = ("acme", "beta")
STRANGER = "globex"
PARTITIONS = 2
PERIODS = Periods(digest=60_000, resolve=300_000, reopen=600_000, delivery=120_000, skew=300_000)
# In none of these is one period a multiple of another, or as long as the defaults' order suggests.
ODD_PERIODS = Periods(digest=7_300, resolve=2_500, reopen=1_000, delivery=11_900, skew=60_000)

_STEPS = st.sampled_from([0, 0, 1, 1, 700, 1_000, 5_000, 20_000, 61_000, 130_000, 301_000, 601_000, 1_000_000])
_LATENESS = st.sampled_from([0, 0, 0, 0, 0, 1, 900, 5_000, 62_000, 400_000])
_ENDS = st.sampled_from([None, None, None, -700_000, -1_000, 0, 1, 30_000, 100_000, 2_000_000])
_GARBAGE = st.sampled_from([None, b"", b"{", b"[]", b"\xff", b'{"name":"A"}', b'{"tenant_id":"acme"}'])
_PLAIN: Sequence[bytes] = (
    b'{"tenant_id":"acme","name":"A","labels":{"a":"1"}}',
    b'{"tenant_id":"acme","name":"A","labels":{"a":"1"},"value":7}',
    b'{"tenant_id":"acme","name":"A","labels":{"a":"1"},"severity":"critical"}',
    b'{"tenant_id":"acme","name":"A","labels":{"a":"1"},"status":"resolved"}',
    b'{"tenant_id":"beta","name":"A","labels":{"a":"1"}}',
)
_LABELS: Sequence[bytes] = (
    b"{}",
    b'{"a":"1"}',
    b'{ "a": "1", "empty": "" }',  # the same alert as the one before
    b'{"b":"2","a":"1"}',
    b'{"a":"1","b":"2"}',  # the same alert as the one before
)


@st.composite
def records(draw: st.DrawFn, *, max_size: int = 40, tenants: Sequence[str] = (*TENANTS, STRANGER)) -> list[Record]:
    """Draw a stream in the order of its offsets; time mostly goes on, sometimes far, sometimes back."""
    stream: list[Record] = []
    now, offset, forwarded = T0 + draw(st.integers(0, 999)), draw(st.integers(0, 3)), 0
    for _ in range(draw(st.integers(1, max_size))):
        now += draw(_STEPS)
        at = now - draw(_LATENESS)
        what = draw(st.integers(0, 23))
        if what < 2:
            stream.append(Record(offset, at, draw(_GARBAGE)))
        elif what < 13:  # what most of a stream is: the same again and again
            stream.append(Record(offset, at, draw(st.sampled_from(_PLAIN))))
        else:
            headers: tuple[tuple[str, bytes], ...] = ()
            if draw(st.integers(0, 7)) == 0:
                forwarded = max(0, forwarded + draw(st.integers(-1, 2)))
                headers = (("forwarded-from", b"alerts.raw/1/%d" % forwarded),)
            elif draw(st.integers(0, 7)) == 0:
                headers = (("traceparent", b"00-1-2-01"),)
            stream.append(Record(offset, at, draw(values(at, tenants)), headers))
        offset += draw(st.sampled_from([1, 1, 1, 3]))
    return stream


@st.composite
def values(draw: st.DrawFn, at: int, tenants: Sequence[str]) -> bytes:
    """Draw the value of a record that says something about one of few alerts at `at`."""
    fields: dict[str, Any] = {"labels": msgspec.Raw(draw(st.sampled_from(_LABELS)))}
    kind = draw(st.integers(0, 9))
    if kind < 3:
        fields["status"] = "resolved"
    elif kind == 3:
        fields["status"] = None
    if severity := draw(st.sampled_from([None, None, None, "warning", "critical", 1, "P1", "fatal"])):
        fields["severity"] = severity
    if (ends := draw(_ENDS)) is not None:
        fields["ends_at"] = to_text(at + ends)
    if draw(st.integers(0, 5)) == 0:
        fields["starts_at"] = to_text(at - draw(st.sampled_from([0, 10_000, 500_000])))
    if draw(st.integers(0, 3)) == 0:
        fields["id"] = draw(st.sampled_from(["x", "y"]))
        fields["source"] = draw(st.sampled_from([None, "p"]))
    if draw(st.booleans()):
        fields["value"] = draw(st.sampled_from([0, 0.5, 3]))
    if draw(st.integers(0, 7)) == 0:
        fields["fingerprint"] = draw(st.sampled_from(["mine", "a\0b"]))
    if draw(st.integers(0, 5)) == 0:
        fields["team"] = draw(st.sampled_from(["db", "web"]))
        fields["annotations"] = {"summary": draw(st.sampled_from(["one", "two"]))}
    return alert_json(draw(st.sampled_from(tenants)), draw(st.sampled_from(["A", "B"])), **fields)


def cuts(size: int) -> st.SearchStrategy[list[int]]:
    """Draw the ends of batches over `size` records."""
    return st.lists(st.integers(1, max(1, size)), max_size=12).map(lambda places: sorted({*places, size}))
