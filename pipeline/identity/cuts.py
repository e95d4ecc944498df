"""What could be left out of alerts without leaving out who they are: the cuts that rules could make.

They are judged by how the values of a field look, and by what the field is called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final

from pipeline.domain.normal import IN_ORDER, NORMAL_FORM, Normal

if TYPE_CHECKING:
    from collections.abc import Sequence

MANY: Final = 20  # values, before a label is thought of as one that no one looks up
_OWN: Final = 0.5  # values by alerts, from which nearly every alert has one of its own
# Labels that say where the trouble is. What looks like an accident in others is what matters in these.
_WHERE: Final = re.compile(
    "(?:exported_)?(?:address|cluster|datacenter|device|disk|endpoint|host|host_?name|instance|interface|ip|machine"
    "|mount|mountpoint|namespace|node|node_?name|rack|region|server|service|target|vm|zone)",
    re.IGNORECASE,
)
# A number that is no ordinal, core or status code: long enough for an id, or measured.
_ID_OR_READING: Final = re.compile(
    r"[0-9]{5,}|(?<![0-9.])[0-9]+\.[0-9]+(?![0-9.])"
    r"|[0-9]+ ?(?:%|°C|(?:[kKMGT]i?B|ms|s|min|h|percent|sec(?:ond)?s?|minutes?|hours?|days?)\b)"
)
_DIGIT: Final = re.compile("[0-9]")


@dataclass(frozen=True)
class Cut:
    """One thing to leave out: of the name (`field` is None) or of a label, what is of some kinds, or all of it."""

    field: str | None
    kinds: tuple[Normal, ...] = ()
    """In their order; none is all of it."""

    def __str__(self) -> str:
        if not self.kinds:
            return f"without label {self.field}"
        return f"{'name' if self.field is None else f'label {self.field}'} without {' and '.join(self.kinds)}"

    def of(self, text: str) -> str:
        """Return what is left of a text."""
        return reduce(lambda left, kind: NORMAL_FORM[kind](left), self.kinds, text) if self.kinds else ""

    def takes_more_than(self, other: Cut) -> bool:
        """Say whether this leaves less of the field that both are about."""
        return bool(other.kinds) and (not self.kinds or len(self.kinds) > len(other.kinds))


@dataclass(frozen=True)
class Candidates:
    """The cuts that stand to reason, and those that only somebody who knows the alerts can judge, each with why."""

    sure: list[Cut]
    """Of one field, those that take less come first."""
    unsure: dict[Cut, str]


def look_at(field: str | None, values: list[str], rows: int, found: Candidates) -> None:
    """Add what could be cut of a field that `rows` alerts have."""
    where = field is not None and _WHERE.fullmatch(field) is not None
    kinds: list[Normal] = []
    for kind in [Normal.PORT] if where else IN_ORDER[:-1]:
        left = [NORMAL_FORM[kind](value) for value in values]
        if len(set(left)) < len(set(values)):
            kinds.append(kind)
            values = left
    if kinds:
        found.sure.append(Cut(field, tuple(kinds)))
    remaining = len(set(values))
    numbers = Cut(field, (*kinds, Normal.NUMBER))
    numbered = not where and len(set(map(NORMAL_FORM[Normal.NUMBER], values))) < remaining
    if numbered and _are_ids_or_readings(values):
        found.sure.append(numbers)
        return
    if numbered:
        found.unsure[numbers] = "small numbers often tell things apart: ordinals, cores, status codes"
    if field is not None and remaining >= max(MANY, rows * _OWN):
        if where:
            found.unsure[Cut(field)] = f"{field} says where the trouble is"
        else:
            found.sure.append(Cut(field))


def _are_ids_or_readings(values: Sequence[str]) -> bool:
    """Say whether most texts with numbers have no number that could be a smaller thing's name."""
    numbered = [value for value in values if _DIGIT.search(value)]
    fine = sum(_DIGIT.search(_ID_OR_READING.sub("", value)) is None for value in numbered)
    return fine * 5 >= len(numbered) * 4
