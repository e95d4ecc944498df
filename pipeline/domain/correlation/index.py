"""Which incidents lately had something to do with a label value or a node: the newest of them, by when it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT: Final = 8  # incidents for each key; the newest ones
KEYS: Final = 512  # of one incident

Touched = tuple[int, str]  # when, and by which alert


class IncidentIndex:
    """Key -> ids of incidents, the newest last."""

    __slots__ = ("_by_key", "_keys_of")

    def __init__(self) -> None:
        self._by_key: dict[str, dict[str, Touched]] = {}
        self._keys_of: dict[str, dict[str, None]] = {}

    def touch_each(self, keys: Iterable[str], incident: str, at: int, fingerprint: str) -> None:
        """Note that an alert of `incident` had each of the keys at `at`."""
        by_key, touched = self._by_key, (at, fingerprint)
        for key in keys:
            known = by_key.get(key)
            before = None if known is None else known.pop(incident, None)
            if known is None or before is None:
                self.touch(key, incident, at, fingerprint)
            else:
                known[incident] = touched if at >= before[0] else before

    def touch(self, key: str, incident: str, at: int, fingerprint: str) -> None:
        """Note that an alert of `incident` had `key` at `at`."""
        known = self._by_key.get(key)
        if known is None:
            known = self._by_key[key] = {}
        before = known.pop(incident, None)
        if before is None:
            keys = self._keys_of.setdefault(incident, {})
            if len(keys) >= KEYS:
                if not known:
                    del self._by_key[key]
                return
            keys[key] = None
        known[incident] = (at, fingerprint) if before is None or at >= before[0] else before
        if len(known) > KEPT:
            oldest = next(iter(known))
            del known[oldest], self._keys_of[oldest][key]

    def at(self, key: str) -> dict[str, Touched]:
        """Return the incidents that had `key`, the newest last."""
        return self._by_key.get(key) or _NONE

    def forget(self, incident: str) -> None:
        """Take an incident out."""
        for key in self._keys_of.pop(incident, ()):
            known = self._by_key[key]
            del known[incident]
            if not known:
                del self._by_key[key]

    def move(self, old: str, new: str) -> None:
        """Let `new` have what `old` has."""
        touched = [(key, *self._by_key[key][old]) for key in self._keys_of.get(old, ())]
        self.forget(old)
        for key, at, fingerprint in touched:
            self.touch(key, new, at, fingerprint)

    def __len__(self) -> int:
        return len(self._by_key)

    def snapshot(self) -> list[object]:
        """Return all there is to keep."""
        return [
            [[key, [[one, *touched] for one, touched in known.items()]] for key, known in self._by_key.items()],
            [[one, list(keys)] for one, keys in self._keys_of.items()],
        ]

    def restore(self, state: list[object]) -> None:
        """Take over what `snapshot` returned."""
        by_key, keys_of = cast("list[list[list[object]]]", state)
        self._by_key = {
            cast("str", key): {one: (at, of) for one, at, of in cast("list[tuple[str, int, str]]", known)}
            for key, known in by_key
        }
        self._keys_of = {cast("str", one): dict.fromkeys(cast("list[str]", keys)) for one, keys in keys_of}


_NONE: Final[dict[str, Touched]] = {}
