from __future__ import annotations

from datetime import date

import pytest

from pipeline.domain.calendars import Calendar, CalendarError
from pipeline.domain.rule import RuleRef

REF = RuleRef("calendar", "c1", 1)


@pytest.mark.parametrize(
    ("country", "subdivision", "day", "expected"),
    [
        ("DE", None, date(2026, 10, 3), True),
        ("DE", None, date(2026, 10, 4), False),
        ("DE", None, date(2026, 1, 6), False),  # Epiphany is one of Bavaria's
        ("DE", "BY", date(2026, 1, 6), True),
        ("US", None, date(2026, 7, 3), True),  # the fourth is a Saturday
        ("US", None, date(2027, 12, 31), True),  # for the first of the next year, a Saturday
        ("DE", None, date(1500, 1, 1), False),
        (None, None, date(2026, 12, 25), False),
    ],
)
def test_a_country_and_its_parts_have_their_public_holidays(
    country: str | None, subdivision: str | None, day: date, expected: bool
) -> None:
    assert Calendar(REF, country, subdivision).is_holiday(day) is expected


def test_dates_of_the_tenants_own_are_holidays_beside_those_of_the_country() -> None:
    freeze = date(2026, 12, 28)
    own = Calendar(REF, "DE", dates=frozenset({freeze}))
    assert [own.is_holiday(day) for day in (freeze, date(2026, 12, 25), date(2026, 12, 29))] == [True, True, False]
    assert Calendar(REF, dates=frozenset({freeze})).is_holiday(freeze)


@pytest.mark.parametrize(
    ("country", "subdivision", "text"),
    [
        ("XX", None, "no holidays are known of country 'XX': write its ISO 3166 code, such as DE, or dates alone"),
        ("de", None, "country 'de'"),
        ("", None, "country ''"),
        # All of them are names in the library, which would call them.
        ("HolidayBase", None, "country 'HolidayBase'"),
        ("list_supported_countries", None, "country 'list_supported_countries'"),
        ("__init__", None, "country '__init__'"),
        ("XNYS", None, "country 'XNYS'"),
        ("GB", "ZZ", "subdivision 'ZZ' of GB: write one of ENG, NIR, SCT, WLS"),
        ("GB", "", "subdivision '' of GB: write one of"),
        ("JP", "13", "subdivision '13' of JP: leave it out, the country has no parts here"),
        (None, "BY", "subdivision 'BY' is part of no country: write country as well"),
    ],
)
def test_an_unknown_place_is_refused_and_told_what_to_write(
    country: str | None, subdivision: str | None, text: str
) -> None:
    with pytest.raises(CalendarError) as refused:
        Calendar(REF, country, subdivision)
    assert text in str(refused.value)
