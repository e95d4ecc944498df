from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.domain.timestamps import LATEST, to_datetime, to_ms, to_text


def test_a_moment_is_milliseconds_since_1970_whatever_its_zone() -> None:
    berlin = timezone(timedelta(hours=1))
    assert to_ms(datetime(1970, 1, 1, 1, 0, 1, 5000, tzinfo=berlin)) == 1005


def test_a_fraction_of_a_millisecond_is_cut_off_and_a_time_before_1970_is_negative() -> None:
    assert to_ms(datetime(1970, 1, 1, microsecond=1999, tzinfo=UTC)) == 1
    assert to_ms(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@pytest.mark.parametrize("unset", [None, datetime(1, 1, 1, tzinfo=UTC)])
def test_nothing_and_the_zero_time_of_go_are_no_time(unset: datetime | None) -> None:
    assert to_ms(unset) is None


def test_a_moment_later_than_the_calendar_is_its_last_millisecond() -> None:
    west = timezone(timedelta(hours=-23, minutes=-59))
    assert to_ms(datetime(9999, 12, 31, 23, 59, 59, tzinfo=west)) == LATEST
    assert to_text(LATEST) == "9999-12-31T23:59:59.999Z"


def test_a_moment_earlier_than_the_calendar_is_no_time() -> None:
    east = timezone(timedelta(hours=5))
    assert to_ms(datetime(1, 1, 1, tzinfo=east)) is None


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_700_000_000_120, "2023-11-14T22:13:20.120Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-62_104_060_800_000, "0002-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_written_as_rfc_3339_and_read_back(ms: int, text: str) -> None:
    assert to_text(ms) == text
    assert to_ms(datetime.fromisoformat(text)) == ms
    assert to_ms(to_datetime(ms)) == ms
