"""The distinct alerts of recorded alerts.raw, as many as fit into memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.timestamps import to_ms
from pipeline.exchange import interpret
from pipeline.schemas.raw import check, labels_of, parse

if TYPE_CHECKING:
    from pipeline.exchange import Line
    from pipeline.schemas.raw import RawAlert

HELD: Final = 100_000  # distinct alerts
TEXT: Final = 64 * 1024 * 1024  # characters of their names and labels
_REMEMBERED: Final = 50_000  # texts of labels whose alert is known

Key = tuple[str, tuple[str, ...], tuple[str, ...]]
"""An alert: its name, the names of its labels in order, and their values."""


class Seen:
    """One distinct alert: who it is, in how many records it was, and from when to when (ms, None where unknown)."""

    __slots__ = ("first", "key", "last", "records")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.records = 0
        self.first: int | None = None
        self.last: int | None = None

    @property
    def name(self) -> str:
        """Return the alert's name."""
        return self.key[0]

    @property
    def labels(self) -> dict[str, str]:
        """Return the alert's labels."""
        return dict(zip(self.key[1], self.key[2], strict=True))

    def take(self, *moments: int | None) -> None:
        """Count a record, and the moments it tells of."""
        self.records += 1
        for moment in moments:
            if moment is not None:
                self.first = moment if self.first is None else min(self.first, moment)
                self.last = moment if self.last is None else max(self.last, moment)


@dataclass
class Recording:
    """What a file says; `only` is the one tenant looked at, `held` and `text` are the bounds of what is kept."""

    only: str | None = None
    held: int = HELD
    text: int = TEXT
    records: int = 0
    """Of alerts that identity rules can change."""
    own: int = 0
    """Records with a fingerprint of their own, which no rule changes."""
    beyond: int = 0
    """Records of alerts that did not fit any more."""
    others: Counter[str] = field(default_factory=Counter)
    """Records of tenants not looked at."""
    refused: int = 0
    first_refusal: str | None = None
    alerts: dict[str, dict[Key, Seen]] = field(default_factory=dict)
    """By tenant."""
    _strings: dict[str, str] = field(default_factory=dict)
    _names: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    _known: dict[tuple[str, str, bytes], Seen] = field(default_factory=dict)

    @property
    def distinct(self) -> int:
        """Return how many distinct alerts are held."""
        return sum(map(len, self.alerts.values()))

    def take(self, number: int, text: bytes) -> None:
        """Take one line of the file."""
        line = interpret(number, text)
        try:
            alert = parse(line.value)
            memo = (alert.tenant_id, alert.name, bytes(alert.labels))
            seen = self._known.get(memo)
            if seen is None or alert.fingerprint:
                seen = self._looked_up(alert)
        except RejectedRecordError as error:
            self.refused += 1
            self.first_refusal = self.first_refusal or f"line {number}: {error}"
            return
        if seen is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[memo] = seen
            self.records += 1
            seen.take(*_moments(line, alert))

    def _looked_up(self, alert: RawAlert) -> Seen | None:
        """Return the alert of a record, or None if the record does not count."""
        check(alert)
        labels = labels_of(alert)
        if self.only is not None and alert.tenant_id != self.only:
            self.others[alert.tenant_id] += 1
            return None
        if alert.fingerprint:
            self.own += 1
            return None
        names = tuple(sorted(labels))
        alerts = self.alerts.setdefault(alert.tenant_id, {})
        key = (alert.name, names, tuple(labels[name] for name in names))
        seen = alerts.get(key)
        if seen is None:
            if self.held <= 0 or self.text <= 0:
                self.beyond += 1
                return None
            self.held -= 1
            key = (self._kept(key[0]), self._names.setdefault(names, names), tuple(map(self._kept, key[2])))
            seen = alerts[key] = Seen(key)
        return seen

    def _kept(self, text: str) -> str:
        """Return the one copy of a text that is held."""
        there = self._strings.get(text)
        if there is None:
            self.text -= len(text)
            there = self._strings[text] = text
        return there


def _moments(line: Line, alert: RawAlert) -> tuple[int | None, ...]:
    return line.timestamp, to_ms(alert.starts_at), to_ms(alert.ends_at)
