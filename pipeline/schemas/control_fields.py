"""What the specs of several kinds have in common: the types of their fields, each with what an error advises."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, field

MATCHERS: Final = 64  # in a set
MATCHER_SETS: Final = 32
MATCHER_BYTES: Final = 1024
_TWO_LISTS: Final = "[['team=\"db\"'], ['job=\"db\"']]"

Duration = Annotated[str, Meta(description="a duration as text", examples=["30m"])]
Moment = Annotated[
    datetime, Meta(tz=True, description="a moment with its offset from UTC", examples=["2026-11-26T10:00:00Z"])
]
Day = Annotated[date, Meta(description="a date", examples=["2026-12-24"])]
Flag = Annotated[bool, Meta(description="true or false", examples=["true"])]
Count = Annotated[int, Meta(ge=1, le=2**31, description="a whole number from 1", examples=[6])]
LabelName = Annotated[str, Meta(min_length=1, description="the name of a label", examples=["instance"])]
LabelNames = Annotated[
    tuple[LabelName, ...], Meta(description="a list of names of labels", examples=["[cluster, instance]"])
]
MatcherTexts = Annotated[
    str | Annotated[tuple[str, ...], Meta(max_length=MATCHERS)],
    Meta(description="a list of matchers", examples=["['alertname=\"HighCPU\"', 'cluster=~\"eu-.*\"']"]),
]
AnyOf = Annotated[
    tuple[MatcherTexts, ...],
    Meta(min_length=1, max_length=MATCHER_SETS, description="a list of lists of matchers", examples=[_TWO_LISTS]),
]


class Spec(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a record says beside whose, which and when it is."""


class Matching(Spec, kw_only=True):
    """Which alerts: matchers that must all hold, or several such lists of which one must."""

    matchers: MatcherTexts | None = None
    any_of: AnyOf | None = None


class Recurs(Spec, kw_only=True):
    """A period that comes again."""

    rrule: Annotated[
        str, Meta(min_length=1, max_length=1024, description="an RRULE", examples=['"FREQ=WEEKLY;BYDAY=SA"'])
    ]
    start: Annotated[str, Meta(description="a time of day in quotes", examples=['"02:00"'])]
    duration: Duration
    time_zone: Annotated[str, Meta(description="a time zone", examples=["Europe/Berlin"])]
    from_: Day = field(name="from")
    until: Day | None = None
    calendar: Annotated[str, Meta(description="the id of a calendar", examples=["bank-holidays"])] | None = None
    on_holidays: Annotated[Literal["skip", "only"], Meta(description="skip or only", examples=["skip"])] | None = None


class Timed(Matching, kw_only=True):
    """Which alerts, and when: from one moment to another, or recurring."""

    starts_at: Moment | None = None
    ends_at: Moment | None = None
    recurs: Recurs | None = None
