"""What people said of incidents: applied at once, learned for the names concerned, and taken back on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT: Final = 1024  # feedbacks; the oldest are forgotten, with what they taught
_MOST: Final = 3  # votes for or against two names


class Lesson(msgspec.Struct, frozen=True):
    """One feedback as it was applied."""

    kind: str
    incident: str
    fingerprint: str
    node: str
    pairs: tuple[str, ...]  # of names
    vote: int  # 1: they belong together, -1: they do not


class Taught:
    """Votes on pairs of alert names."""

    __slots__ = ("_lessons", "_votes")

    def __init__(self) -> None:
        self._lessons: dict[str, Lesson] = {}
        self._votes: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._votes)

    def add(self, feedback: str, lesson: Lesson) -> None:
        """Learn a lesson."""
        self._lessons[feedback] = lesson
        self._vote(lesson, lesson.vote)
        if len(self._lessons) > KEPT:
            self.forget(next(iter(self._lessons)))

    def forget(self, feedback: str) -> Lesson | None:
        """Take a lesson back and return it; None if there is no such one."""
        lesson = self._lessons.pop(feedback, None)
        if lesson is not None:
            self._vote(lesson, -lesson.vote)
        return lesson

    def _vote(self, lesson: Lesson, vote: int) -> None:
        for pair in lesson.pairs:
            votes = self._votes.get(pair, 0) + vote
            if votes:
                self._votes[pair] = votes
            else:
                self._votes.pop(pair, None)

    def lean(self, name: str, others: Iterable[str]) -> int:
        """Return the votes for (above 0) or against (below 0) `name` being with any of `others`."""
        votes = [self._votes.get(pair_of(name, other), 0) for other in others]
        return min(_MOST, max(-_MOST, sum(votes)))

    def snapshot(self) -> list[Any]:
        """Return all there is to keep."""
        return [[one, msgspec.to_builtins(lesson)] for one, lesson in self._lessons.items()]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` returned."""
        for one, lesson in state:
            self.add(one, msgspec.convert(lesson, Lesson))


def pair_of(one: str, other: str) -> str:
    """Return the key of two names, the same for both orders."""
    return f"{one}\0{other}" if one <= other else f"{other}\0{one}"
