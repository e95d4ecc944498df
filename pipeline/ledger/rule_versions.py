"""Every version of one tenant's rules that is still on the topic `control`: who wrote it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.domain.errors import RejectedRecordError
from pipeline.schemas.control_records import ControlRecord, is_newer, parse_control

if TYPE_CHECKING:
    from pipeline.schemas.control_records import ControlKey


class RuleVersions:
    """Versions by rule; `are_known` is False where nobody could look them up."""

    def __init__(self, *, are_known: bool) -> None:
        self.are_known = are_known
        self._versions: dict[ControlKey, dict[int, ControlRecord]] = {}

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record in; one that no worker takes either is passed over."""
        try:
            record = parse_control(key, value)
        except RejectedRecordError:
            return
        if not isinstance(record, ControlRecord):
            return  # a tombstone says nothing of the versions before it
        versions = self._versions.setdefault(record.key, {})
        known = versions.get(record.version)
        if known is None or is_newer(record, known):
            versions[record.version] = record

    def find(self, key: ControlKey, version: int) -> ControlRecord | None:
        """Return a version, None if it is not there."""
        return self._versions.get(key, {}).get(version)

    def newest(self, key: ControlKey, *, after: int, until: int) -> ControlRecord | None:
        """Return the newest version above `after` that was written by `until` (ms), None if there is none."""
        later = [
            record
            for version, record in self._versions.get(key, {}).items()
            if version > after and record.updated_at <= until
        ]
        return max(later, key=lambda record: record.version, default=None)
