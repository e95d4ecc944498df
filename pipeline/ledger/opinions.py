"""What people said of one tenant's alerts and incidents, in every version that is still on the topic `control`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.opinion import OF_ALERTS, Opinion, Says
from pipeline.domain.quality import Spoken
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_records import ControlRecord, Tombstone, is_newer, parse_control

if TYPE_CHECKING:
    from pipeline.domain.rule import RuleRef

HIDE_FROM: Final = 0.9
"""From which noise score on an alert counts as noise where the tenant has not said."""

_FEEDBACK: Final = "feedback"
_TENANT: Final = "tenant"
_Subject = tuple[object, ...]


class Threshold(msgspec.Struct, frozen=True):
    """From which score on an alert counts as noise, and who says so: nobody, or a version of the tenant's policy."""

    hide_from: float = HIDE_FROM
    version: int | None = None

    @property
    def who(self) -> str:
        """Return who says so."""
        return "the tenant says nothing else" if self.version is None else f"tenant policy, version {self.version}"


class _Noise(msgspec.Struct):
    hide_from: float | None = None


class _Policy(msgspec.Struct):
    noise: _Noise | None = None


_policy: Final = msgspec.json.Decoder(_Policy).decode


class Opinions:
    """Take every record of a tenant's, and say which opinions hold.

    Records that were written at `until` (ms) or later are passed over.
    """

    def __init__(self, tenant: str, until: int | None = None) -> None:
        self._tenant = tenant
        self._until = until
        self._newest: dict[str, ControlRecord] = {}  # by id
        self._first_versions: dict[str, int] = {}
        self._first_at: dict[_Subject, int] = {}
        self._policy: ControlRecord | None = None

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take the next record; somebody else's, and one that no worker takes either, is passed over."""
        try:
            record = parse_control(key, value)
        except RejectedRecordError:
            return
        if isinstance(record, Tombstone):
            if record.key.tenant_id == self._tenant and record.key.kind == _FEEDBACK:
                self._newest.pop(record.key.id, None)
                self._first_versions.pop(record.key.id, None)
            return
        if record.tenant_id != self._tenant or (self._until is not None and record.updated_at >= self._until):
            return
        if record.kind == _TENANT:
            self._policy = _newer(record, self._policy)
        elif record.kind == _FEEDBACK:
            self._take(record)

    def _take(self, record: ControlRecord) -> None:
        opinion = _opinion_of(record)
        if opinion is None and not record.deleted:
            return
        name = record.id
        self._newest[name] = _newer(record, self._newest.get(name))
        self._first_versions[name] = min(record.version, self._first_versions.get(name, record.version))
        if opinion is not None:
            subject = _subject_of(opinion)
            self._first_at[subject] = min(record.updated_at, self._first_at.get(subject, record.updated_at))

    def holding(self, since: int | None = None) -> list[Spoken]:
        """Return the newest opinion of each subject, as far as it was given at `since` (ms) or later."""
        return [
            Spoken(opinion, self._first_at[_subject_of(opinion)])
            for opinion in self._live(since)
            if self._first_versions[opinion.ref.id] == 1
        ]

    def undated(self, since: int | None = None) -> int:
        """Return how many there are beside these whose first version is gone: nobody knows what was said before."""
        return sum(self._first_versions[opinion.ref.id] > 1 for opinion in self._live(since))

    def taken_back(self, since: int | None = None) -> int:
        """Return how many records hold no opinion any more."""
        return sum(one.deleted and (since is None or one.updated_at >= since) for one in self._newest.values())

    def _live(self, since: int | None) -> list[Opinion]:
        found: dict[_Subject, Opinion] = {}
        for record in self._newest.values():
            opinion = _opinion_of(record)
            if opinion is not None:
                subject = _subject_of(opinion)
                known = found.get(subject)
                if known is None or _order(opinion.ref) > _order(known.ref):
                    found[subject] = opinion
        return [one for one in found.values() if since is None or one.ref.updated_at >= since]

    @property
    def threshold(self) -> Threshold:
        """Return from which score on the tenant hides noise."""
        record = self._policy
        if record is None or record.spec is None:
            return Threshold()
        try:
            noise = _policy(record.spec).noise
        except msgspec.ValidationError:
            return Threshold()
        if noise is None or noise.hide_from is None:
            return Threshold()
        return Threshold(noise.hide_from, record.version)


def _opinion_of(record: ControlRecord) -> Opinion | None:
    """Return what a version says; None where it takes the opinion back, and where no worker takes it."""
    if record.deleted:
        return None
    try:
        rule = rule_of(record)
    except RejectedRecordError:
        return None
    return rule if isinstance(rule, Opinion) else None


def _newer(record: ControlRecord, known: ControlRecord | None) -> ControlRecord:
    return record if known is None or is_newer(record, known) else known


def _subject_of(opinion: Opinion) -> _Subject:
    """Return what an opinion is about: there is one truth of it."""
    if opinion.says in OF_ALERTS:
        return opinion.name, opinion.source, opinion.instance, opinion.severity
    if opinion.says is Says.ROOT_CAUSE:
        return (opinion.incident,)
    return opinion.incident, opinion.fingerprint


def _order(ref: RuleRef) -> tuple[int, str]:
    return ref.updated_at, ref.id
