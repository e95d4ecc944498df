"""Calendars: which days are holidays, by the public holidays of a country and by days of a tenant's own."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import msgspec

from pipeline.domain.rule import RuleRef


class CalendarError(ValueError):
    """A calendar that cannot be kept; the text says what to write instead."""


class Calendar(msgspec.Struct, frozen=True):
    """The holidays of one place; one without a country has only `dates`.

    `country` is an ISO 3166 code, `subdivision` a part of it; what is off instead of a holiday on a weekend counts too.
    """

    ref: RuleRef
    country: str | None = None
    subdivision: str | None = None
    dates: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if self.country is None:
            if self.subdivision is not None:
                raise CalendarError(f"subdivision {self.subdivision!r} is part of no country: write country as well")
            return
        _check(self.country, self.subdivision)

    def is_holiday(self, day: date) -> bool:
        """Say whether `day` is a holiday."""
        if day in self.dates:
            return True
        return self.country is not None and day in _public_holidays(self.country, self.subdivision, day.year)


@lru_cache(maxsize=1024)
def _public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    import holidays  # here and below: it takes half a second, which only who has a country's calendar should wait

    return frozenset(holidays.country_holidays(country, subdivision, years=year, expand=False))


def _check(country: str, subdivision: str | None) -> None:
    import holidays
    from holidays.registry import EntityLoader

    # The library takes any name of its own namespace for a country.
    if country not in EntityLoader.get_country_codes():
        raise CalendarError(
            f"no holidays are known of country {country!r}: write its ISO 3166 code, such as DE, or dates alone"
        )
    if subdivision is None:
        return
    try:
        if subdivision:
            holidays.country_holidays(country, subdivision, expand=False)
            return
    except NotImplementedError:
        pass
    parts = holidays.country_holidays(country, expand=False).subdivisions
    remedy = f"write one of {', '.join(parts)}" if parts else "leave it out, the country has no parts here"
    raise CalendarError(f"no holidays are known of subdivision {subdivision!r} of {country}: {remedy}")
