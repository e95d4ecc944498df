"""A quick no to whether two rules can be about the same alerts: most pairs of rules name two different alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.domain.matchers import Operator

if TYPE_CHECKING:
    from pipeline.domain.matchers import Matchers

Pins = tuple[dict[str, str], ...]
"""For each alternative, the value that it wants of each field for which it names one."""


def pins_of(matchers: Matchers) -> Pins:
    """Return what the alternatives of matchers pin down."""
    return tuple(
        {matcher.field: matcher.value for matcher in one if matcher.operator is Operator.EQUAL} for one in matchers.sets
    )


def apart(some: Pins, others: Pins) -> bool:
    """Say whether no alternative of one has an alert in common with one of the other; False means: perhaps."""
    for one in some:
        for other in others:
            for field, value in one.items():  # plain loops: there are as many pairs as rules times rules
                if other.get(field, value) != value:
                    break
            else:
                return False
    return True
