"""One storm from its first minute to its last: what came in, what of it was hidden, and what is told of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.domain.top_values import TopValues, TopValuesState

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE = 60_000  # ms
NEW_NAMES = 1000  # how many names that nobody knew before a storm may pass all through it
_NAMES_SHOWN = 50

StormState = tuple[int, int, tuple[int, int, int, int, int, int], list[str], int, TopValuesState, TopValuesState]


class Storm:
    """The account of one storm; times are milliseconds, minutes are counted since 1970."""

    __slots__ = (
        "_all",
        "_last",
        "_minute_hidden",
        "_new_names",
        "hidden",
        "limit",
        "minutes",
        "peak",
        "peak_minute",
        "quiet",
        "records",
        "started_at",
    )

    def __init__(self, started_at: int, limit: int) -> None:
        self.started_at = started_at
        self.limit = limit  # that was exceeded
        self.records = 0  # of all its closed minutes, the whole of the first one included
        self.hidden = 0  # changes
        self.minutes = 0  # that are closed
        self.quiet = 0  # of these, how many in a row up to now were at or under the limit
        self.peak = 0
        self.peak_minute = started_at // MINUTE
        self._new_names: dict[str, None] = {}
        self._minute_hidden = 0
        self._last = TopValues()  # of the minute that is not closed
        self._all = TopValues()  # of the closed ones

    def lets_pass(self, name: str, *, is_new_name: bool) -> bool:
        """Say whether alerts called `name` pass: those of a name that the tenant had not sent before this storm.

        `is_new_name` says that it was never sent before this very record. Of the thousand first such names all
        alerts pass, so that every instance of a new trouble is seen; of any further one the first alert does.
        """
        if name in self._new_names:
            return True
        if is_new_name and len(self._new_names) < NEW_NAMES:
            self._new_names[name] = None
        return is_new_name

    def hide(self, fields: Mapping[str, str]) -> None:
        """Take note of a change that this storm hides; `fields` are its subject's."""
        self._minute_hidden += 1
        self._last.add(fields)

    def close(self, minute: int, count: int, limit: int) -> dict[str, object] | None:
        """Close `minute`, which had `count` records, and return its digest: None if there is nothing to tell of it."""
        self.minutes += 1
        self.records += count
        self.quiet = 0 if count > limit else self.quiet + 1
        if count > self.peak:
            self.peak, self.peak_minute = count, minute
        self.hidden += self._minute_hidden
        digest = self._digest(minute, count, limit) if count or self._minute_hidden else None
        self._all.merge(self._last)
        self._last, self._minute_hidden = TopValues(), 0
        return digest

    def _digest(self, minute: int, count: int, limit: int) -> dict[str, object]:
        return {
            "started_at": self.started_at,
            "minute": minute * MINUTE,
            "records": count,
            "limit": limit,
            "quiet_minutes": self.quiet,
            "suppressed": self._minute_hidden,
            "suppressed_so_far": self.hidden,
            "top": self._last.told(),
        }

    def missed(self, ended_at: int) -> dict[str, object]:
        """Return what was missed in the whole of it, up to its last closed minute."""
        return {
            "started_at": self.started_at,
            "ended_at": ended_at,
            "minutes": self.minutes,
            "records": self.records,
            "limit": self.limit,
            "peak": {"minute": self.peak_minute * MINUTE, "records": self.peak},
            "suppressed": self.hidden,
            "new_names": sorted(self._new_names)[:_NAMES_SHOWN],
            "new_names_in_all": len(self._new_names),
            "top": self._all.told(),
        }

    def snapshot(self) -> StormState:
        """Return all there is to keep, as what msgpack can write."""
        counters = self.records, self.hidden, self.minutes, self.quiet, self.peak, self.peak_minute
        tops = self._last.snapshot(), self._all.snapshot()
        return self.started_at, self.limit, counters, list(self._new_names), self._minute_hidden, *tops

    @classmethod
    def restored(cls, state: StormState) -> Storm:
        """Return what `snapshot` was taken of."""
        started_at, limit, counters, new_names, minute_hidden, last, whole = state
        storm = cls(started_at, limit)
        storm.records, storm.hidden, storm.minutes, storm.quiet, storm.peak, storm.peak_minute = counters
        storm._new_names = dict.fromkeys(new_names)
        storm._minute_hidden = minute_hidden
        storm._last, storm._all = TopValues.restored(last), TopValues.restored(whole)
        return storm
