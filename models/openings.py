"""Openings of which nobody knows yet whether they flap, and what becomes of them.

`outcome` says what counts. It is known with the third change of the alert, or when half an hour is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec

from models.features import key_of
from models.will_flap import CHANGES, WITHIN, Opened, outcome

if TYPE_CHECKING:
    from models.base import State

MOST: Final = 512
"""Openings that wait at a time.

What opens while so many wait is not learned of. To let go of the oldest instead would leave those alone that flap: they
are known before half an hour is over.
"""
_LONGEST_TEXT: Final = 64  # bytes; a longer one is kept as a number that stands for it

Known = tuple[Opened, bool]
"""An opening, and whether it flapped."""


class _Waiting(msgspec.Struct, array_like=True, gc=False):
    alert: int
    opened_at: int
    changes: tuple[int, ...]
    name: str
    instance: str
    again: bool


class Openings:
    """The openings of one tenant whose outcome is not known, the oldest first; times in ms.

    What comes with an earlier time than something before it counts as being as late as that.
    """

    __slots__ = ("_at", "_by_alert", "_number", "_waiting")

    def __init__(self) -> None:
        self._at = 0
        self._number = 0
        self._waiting: dict[int, _Waiting] = {}
        self._by_alert: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def pass_time(self, at: int) -> list[Known]:
        """Return the openings that did not flap, as is known at `at`."""
        self._at = at = max(self._at, at)
        known: list[Known] = []
        while self._waiting:
            number, oldest = next(iter(self._waiting.items()))
            if at <= oldest.opened_at + WITHIN:
                break
            known.append((self._take(number), False))  # what flapped no longer waits
        return known

    def change(self, alert: int, at: int) -> list[Known]:
        """Count a change of an alert between firing and resolved; return the openings that it made flap."""
        self._at = max(self._at, at)
        known: list[Known] = []
        for number in [*self._by_alert.get(alert, ())]:
            waiting = self._waiting[number]
            waiting.changes = (*waiting.changes, self._at)
            if len(waiting.changes) >= CHANGES and outcome(waiting.opened_at, waiting.changes, self._at):
                known.append((self._take(number), True))
        return known

    def open(self, alert: int, at: int, x: Opened) -> None:
        """Wait for the outcome of an opening; its texts are `shortened`."""
        self._at = max(self._at, at)
        if len(self._waiting) < MOST:
            self._wait(_Waiting(alert, self._at, (), x.name, x.instance, x.again))

    def _wait(self, waiting: _Waiting) -> None:
        self._number += 1
        self._waiting[self._number] = waiting
        self._by_alert.setdefault(waiting.alert, []).append(self._number)

    def _take(self, number: int) -> Opened:
        waiting = self._waiting.pop(number)
        others = self._by_alert[waiting.alert]
        others.remove(number)
        if not others:
            del self._by_alert[waiting.alert]
        return Opened(waiting.name, waiting.instance, waiting.again)

    def snapshot(self) -> State:
        """Return all there is to keep."""
        waiting = [cast("State", msgspec.to_builtins(one)) for one in self._waiting.values()]
        return [self._at, waiting]

    @classmethod
    def restore(cls, state: State) -> Openings:
        """Return what `snapshot` was taken of."""
        openings = cls()
        openings._at, waiting = msgspec.convert(state, tuple[int, list[_Waiting]])
        for one in waiting:
            openings._wait(one)
        return openings


def shortened(text: str) -> str:
    """Return a name or an instance as it is kept here: a number stands for what is long."""
    return text if len(text.encode()) <= _LONGEST_TEXT else f"{key_of(text):x}"
