from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("90", 90),
        ("0.5", 0.5),
        ("1.5h", 5400),
        ("1d", 86400),
        ("1w", 604800),
        ("PT5M", 300),
        ("P1DT2H", 93600),
        ("PT0.25S", 0.25),
        (" 5m ", 300),
    ],
)
def test_a_duration_is_read_in_every_notation(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value", ["", "5 minutes", "-5m", "30m1h", "5m5m", "P", "PT", "P1DT", "nan", "\u0665m", True, None]
)
def test_what_is_not_a_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="write 250ms, 90s"):
        parse_duration(value)


def test_a_duration_beyond_what_can_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than any"):
        parse_duration("999999999999999w")


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)))
def test_a_duration_that_is_shown_can_be_read_again(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration
