"""Whatever is sent to the control topic, a worker takes it or refuses it with a reason; and never trips over it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.errors import RejectedRecordError
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_records import ControlRecord, parse_control
from pipeline.schemas.control_specs import SPECS, read_spec, write_spec

MATCHERS = st.text('ab=~!"{}(),*[\\|é ', max_size=10)
SOME_WORDS = (
    "a b x 5m 02:00 -1s 2026-11-26T10:00:00Z 2026-11-26T12:00:00+01:00 2026-11-01 9999-12-31 FREQ=WEEKLY;BYDAY=SA "
    "FREQ=DAILY;COUNT=3 FREQ=YEARLY;UNTIL=20270101 Europe/Berlin UTC Mars/X skip only DE US BY critical pod_hash "
    "[0-9]+ \\1 999999999999999w P1D"
)
WORDS = st.sampled_from(SOME_WORDS.split())
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | WORDS | MATCHERS,
    lambda inside: st.lists(inside, max_size=3),
    max_leaves=4,
)
ALL_FIELDS = (
    "matchers any_of starts_at ends_at recurs expire_on_resolve remind_before country subdivision dates sources target "
    "source_matchers target_matchers equal enabled floor factor quiet_minutes window start_at end_at drop normalise "
    "name always_pass dead_mans_switches max_silence never_suppress throttle budget rrule start duration time_zone "
    "from until calendar on_holidays label as pattern replace id within per_minute burst suppressed_per_day "
    "warn_at"
)
FIELDS = st.sampled_from(ALL_FIELDS.split())
SPEC: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(FIELDS, VALUES, max_size=6),
    lambda inside: st.dictionaries(FIELDS, VALUES | inside | st.lists(inside, max_size=2), max_size=6),
    max_leaves=4,
)
TIMED = st.fixed_dictionaries(
    {"matchers": st.lists(MATCHERS, max_size=2)},
    optional={
        "starts_at": WORDS,
        "ends_at": WORDS,
        "recurs": st.fixed_dictionaries(
            dict.fromkeys(("rrule", "start", "duration", "time_zone", "from"), WORDS),
            optional=dict.fromkeys(("until", "calendar", "on_holidays"), WORDS),
        ),
    },
)


def taken(kind: str, spec: Any) -> None:
    """Take a spec as a worker does, and check what was taken."""
    name = "acme" if kind == "tenant" else "x"
    head = {
        "tenant_id": "acme",
        "kind": kind,
        "id": name,
        "version": 1,
        "author": "a",
        "updated_at": "2026-11-26T10:00:00Z",
    }
    value = json.dumps({**head, "spec": spec}).encode()
    try:
        record = parse_control(f"acme/{kind}/{name}".encode(), value)
        assert isinstance(record, ControlRecord)
        rule = rule_of(record)
    except RejectedRecordError as error:
        assert error.detail
        return
    assert rule.ref.id == name
    written = write_spec(read_spec(kind, record.spec or b""))
    assert write_spec(read_spec(kind, written)) == written


@given(st.sampled_from([*SPECS]), SPEC | VALUES)
def test_any_spec_is_taken_or_refused(kind: str, spec: Any) -> None:
    taken(kind, spec)


@given(st.sampled_from(["silence", "maintenance_window"]), TIMED)
def test_any_times_are_taken_or_refused(kind: str, spec: Any) -> None:
    taken(kind, spec)


@given(st.none() | st.binary(max_size=40) | st.just(b"acme/silence/x"), st.none() | st.binary(max_size=60))
def test_any_bytes_are_taken_or_refused(key: bytes | None, value: bytes | None) -> None:
    try:
        parse_control(key, value)
    except RejectedRecordError as error:
        assert error.detail
