"""Inhibition rules that hide nothing, and alerts that could hide each other."""

from __future__ import annotations

from collections import deque
from itertools import product
from typing import TYPE_CHECKING

from pipeline.control.findings import Code, error, warning
from pipeline.control.lint_pins import apart, pins_of
from pipeline.domain.inhibit_rule import InhibitRule
from pipeline.domain.matcher_logic import contradiction, subsumes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.control.findings import Finding
    from pipeline.control.lint_pins import Pins
    from pipeline.domain.matchers import Matchers
    from pipeline.schemas.control import Rule
    from pipeline.schemas.control_records import ControlKey


def inhibition(rules: Mapping[ControlKey, Rule]) -> Iterator[Finding]:
    """Yield what is wrong with the inhibition rules of one tenant."""
    found = {key: rule for key, rule in rules.items() if isinstance(rule, InhibitRule)}
    for key, rule in found.items():
        if any(_same(source.matchers, rule.target) for source in rule.sources):
            # An alert on both sides is not inhibited by its like, and here every alert is on both or on none.
            remedy = "Make target or source narrower, for example by a severity"
            yield error(Code.INHIBITS_NOTHING, key, "has the same alerts as target and as source: hides none", remedy)
    yield from _cycles(found)


def _same(one: Matchers, other: Matchers) -> bool:
    return subsumes(one, other) and subsumes(other, one)


def _cycles(rules: Mapping[ControlKey, InhibitRule]) -> Iterator[Finding]:
    """Yield one finding for each shortest circle of rules, told at the first of them."""
    targets = {key: pins_of(rule.target) for key, rule in rules.items()}
    sources = {
        key: [(source.matchers, pins_of(source.matchers)) for source in rule.sources] for key, rule in rules.items()
    }
    leads = {
        key: [
            other
            for other in rules
            if other != key and any(_meet(rule.target, targets[key], *source) for source in sources[other])
        ]
        for key, rule in rules.items()
    }
    told: set[ControlKey] = set()
    for key in rules:
        circle = None if key in told else _circle(key, leads)
        if circle is None:
            continue
        told.update(circle)
        names = " → ".join(one.id for one in (*circle, key))
        sure = all(
            _must_be(rules[one].target, rules[other]) for one, other in zip(circle, [*circle[1:], key], strict=True)
        )
        what = f"hides in a circle ({names}): what each rule hides {'is' if sure else 'can be'} a source of the next"
        remedy = "Make a target narrower, so that of alerts that belong together one is always told"
        yield (error if sure else warning)(Code.INHIBITION_CYCLE, key, what, remedy, *circle[1:])


def _meet(target: Matchers, pins: Pins, source: Matchers, its_pins: Pins) -> bool:
    """Say whether an alert may match `target` and `source`."""
    if apart(pins, its_pins):
        return False
    return any(contradiction((*inner, *outer)) is None for inner, outer in product(target.sets, source.sets))


def _must_be(target: Matchers, rule: InhibitRule) -> bool:
    """Say whether every alert that matches `target` is all that `rule` needs to hide something."""
    return len(rule.sources) == 1 and subsumes(rule.sources[0].matchers, target)


def _circle(start: ControlKey, leads: Mapping[ControlKey, Sequence[ControlKey]]) -> list[ControlKey] | None:
    """Return the shortest way from a rule back to itself, the rule first; None if there is none."""
    came_from: dict[ControlKey, ControlKey] = {}
    waiting = deque([start])
    while waiting:
        key = waiting.popleft()
        for after in leads[key]:
            if after == start:
                way = [key]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if after not in came_from:
                came_from[after] = key
                waiting.append(after)
    return None
