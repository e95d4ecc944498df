"""What a demonstration sees come out: changes counted once each, when each became readable, and a few stories."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.timestamps import to_text

if TYPE_CHECKING:
    from confluent_kafka import Message

_STORIES: Final = 400  # alerts whose changes are kept word by word
_CHAPTERS: Final = 12
_LIVE: Final = "-live-"


class Told(msgspec.Struct, frozen=True, gc=False):
    """What counts of one record of alerts.enriched."""

    id: str
    tenant_id: str
    fingerprint: str
    change: str
    count: int
    severity: str
    name: str
    labels: dict[str, str]


class Chapter(msgspec.Struct, frozen=True, gc=False):
    """One change in the story of an alert."""

    at: str
    told: Told


Identity = tuple[str, str]  # tenant, fingerprint
_decode = msgspec.json.Decoder(Told).decode


class Outcome:
    """Everything that was read from alerts.enriched and alerts.dlq; each id counts once."""

    def __init__(self) -> None:
        self.changes: Counter[str] = Counter()
        """Changes of the recorded alerts, by kind."""
        self.alerts: set[Identity] = set()
        self.dead_letters: Counter[str] = Counter()
        self.twice = 0
        """Records whose id had been read before, as at_least_once allows."""
        self.live: dict[tuple[str, str, str], float] = {}
        """When each change of a live alert was read, by tenant, fingerprint and change."""
        self.latest = 0.0
        """When the newest change of a recorded alert was read."""
        self._ids: set[str] = set()
        self._stories: dict[Identity, list[Chapter]] = {}

    def take_change(self, message: Message, moment: float) -> None:
        """Take a record of alerts.enriched."""
        told = _decode(message.value())
        if told.id in self._ids:
            self.twice += 1
            return
        self._ids.add(told.id)
        if is_live(told.tenant_id):
            self.live[told.tenant_id, told.fingerprint, told.change] = moment
            return
        self.latest = moment
        self.changes[told.change] += 1
        identity = (told.tenant_id, told.fingerprint)
        self.alerts.add(identity)
        if identity in self._stories or len(self._stories) < _STORIES:
            self._stories.setdefault(identity, []).append(Chapter(to_text(message.timestamp()[1]), told))

    def take_dead_letter(self, message: Message, _moment: float) -> None:
        """Take a record of alerts.dlq."""
        reason = dict(message.headers() or []).get("reason") or b"unknown"
        self.dead_letters[reason.decode()] += 1

    def story(self) -> list[Chapter]:
        """Return the most eventful story that is short enough to read: from opened to its last end."""
        whole = [one for one in self._stories.values() if len(one) <= _CHAPTERS and one[-1].told.change == "resolved"]
        return max(whole, key=lambda one: (len({chapter.told.change for chapter in one}), len(one)), default=[])


def live_tenant(tenant: str, number: int) -> str:
    """Return the name of a tenant whose alerts only measure how long they take."""
    return f"{tenant}{_LIVE}{number}"


def is_live(tenant: str) -> bool:
    """Say whether a tenant is one of those."""
    return _LIVE in tenant
