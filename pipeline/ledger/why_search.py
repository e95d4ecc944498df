"""Find the alert that somebody asks about among the records of its tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipeline.domain.change import Change
from pipeline.domain.errors import ConfigurationError
from pipeline.schemas import own

if TYPE_CHECKING:
    from pipeline.ledger.entries import EnrichedRecord, Entry

SHORTEST: Final = 4  # characters of a fingerprint's beginning
_BY_NAME: Final = "name="
_BEARING: Final = frozenset({own.STORM, own.MAINTENANCE, own.SILENCE_EXPIRES, own.BUDGET, own.RECALL})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alert somebody asks about: its fingerprint, the beginning of it, or its name."""

    text: str
    is_name: bool = False

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """Return what `text` asks for.

        Raises:
            ConfigurationError: if it asks for nothing.
        """
        wanted = cls(text.removeprefix(_BY_NAME), text.startswith(_BY_NAME))
        if not wanted.text:
            raise ConfigurationError("FINGERPRINT is empty. Give a fingerprint, its beginning, or name=ALERTNAME.")
        return wanted

    def fits(self, record: EnrichedRecord) -> bool:
        """Say whether a record may be of this alert."""
        if self.is_name:
            return record.name == self.text
        return record.fingerprint == self.text or (
            len(self.text) >= SHORTEST and record.fingerprint.startswith(self.text)
        )

    def __str__(self) -> str:
        return f"{_BY_NAME}{self.text}" if self.is_name else self.text


@dataclass(slots=True)
class Found:
    """One alert that fits."""

    newest: Entry
    ids: set[str] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    """Its records; none are kept of one among several."""


class Search:
    """Take every record of a tenant, and keep those of the alert, and of the pipeline's own that may bear on it."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.alerts: dict[str, Found] = {}
        """Those that fit, by fingerprint, in the order in which they came."""
        self.own: list[Entry] = []
        self._own_ids: set[str] = set()

    def take(self, entry: Entry) -> None:
        """Take the next record; the same one again is passed over."""
        record = entry.record
        if _may_bear(record) and record.id not in self._own_ids:
            self._own_ids.add(record.id)
            self.own.append(entry)
        if not self.wanted.fits(record):
            return
        found = self.alerts.get(record.fingerprint)
        if found is None:
            found = self.alerts[record.fingerprint] = Found(entry)
            if len(self.alerts) == 2:  # there will be a list, not a story: 100,000 alerts may have one name
                self._keep_exact()
        if record.id in found.ids:
            return
        found.ids.add(record.id)
        found.newest = entry
        if len(self.alerts) == 1 or self._is_exact(record.fingerprint):
            found.entries.append(entry)

    def _keep_exact(self) -> None:
        for fingerprint, found in self.alerts.items():
            if not self._is_exact(fingerprint):
                found.entries.clear()

    def _is_exact(self, fingerprint: str) -> bool:
        return not self.wanted.is_name and fingerprint == self.wanted.text

    @property
    def only(self) -> Found | None:
        """Return the one alert that is meant: the one of exactly this fingerprint, or the only one that fits."""
        found = [one for fingerprint, one in self.alerts.items() if self._is_exact(fingerprint)]
        if not found and len(self.alerts) == 1:
            found = list(self.alerts.values())
        return found[0] if found else None


def _may_bear(record: EnrichedRecord) -> bool:
    is_digest = record.name == own.STORM and record.change == Change.REPEATED
    return record.name in _BEARING and not is_digest and record.is_own
