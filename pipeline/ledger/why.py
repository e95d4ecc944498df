"""What happened to one alert, and because of which rule by whom: a story made of its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.change import Change
from pipeline.domain.reasons import Told
from pipeline.domain.timestamps import to_ms, to_text
from pipeline.ledger.why_own import bearing_on
from pipeline.ledger.why_rules import version_of
from pipeline.ledger.why_scores import expectation, score_sentences
from pipeline.ledger.why_sentences import over, passed_by, ruled, told
from pipeline.ledger.why_story import Happening, Said, Story
from pipeline.schemas.raw import FIRING
from pipeline.schemas.rulings import LIFECYCLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pipeline.ledger.entries import EnrichedRecord, Entry
    from pipeline.ledger.rule_versions import RuleVersions
    from pipeline.ledger.why_incidents import IncidentSaid
    from pipeline.schemas.enriched import Decision


_NOTHING_ELSE: Final = (Change.UNSUPPRESSED, Change.REPEATED)
"""Changes of which something that no longer hides the alert is not simply the other side."""


def names_rules(entries: Sequence[Entry]) -> bool:
    """Say whether anything was decided by a rule that somebody wrote."""
    return any(decision.version for entry in entries for decision in entry.record.decisions)


def tell(
    entries: Sequence[Entry],
    own: Sequence[Entry],
    versions: RuleVersions,
    incidents: tuple[IncidentSaid, ...] = (),
) -> Story:
    """Return the story of the alert that `entries` are the records of; `own` are the pipeline's of that time."""
    teller = _Teller(versions)
    lines = [(entry.number, teller.change(entry)) for entry in entries]
    lines += [(entry.number, _own(entry)) for entry in bearing_on(entries, own)]
    newest = entries[-1].record
    return Story(
        newest.tenant_id,
        newest.fingerprint,
        newest.name,
        dict(sorted(newest.labels.items())),
        newest.source,
        newest.severity,
        newest.status,
        _text(newest.starts_at) or "",
        _text(newest.last_seen_at) or "",
        None if newest.status == FIRING else _text(newest.ends_at),
        newest.count,
        newest.verdict,
        newest.suppressed_by,
        tuple(line for _, line in sorted(lines, key=lambda one: one[0])),
        incidents,
    )


class _Teller:
    """Tell the changes of one alert in their order: an end is told of what held it before."""

    def __init__(self, versions: RuleVersions) -> None:
        self._versions = versions
        self._held: tuple[str, ...] = ()
        self._used: dict[str, int] = {}  # version by rule, as the newest decision that names it has it

    def change(self, entry: Entry) -> Happening:
        record = entry.record
        said = tuple(self._said(one, record.tenant_id) for one in record.decisions)
        line = _line(entry, self._sentences(entry), None, said)
        self._held = record.suppressed_by
        for one in record.decisions:
            if one.rule is not None and one.version is not None:
                self._used[f"{one.stage}:{one.rule}"] = one.version
        return line

    def _sentences(self, entry: Entry) -> list[str]:
        record = entry.record
        tenant, versions = record.tenant_id, self._versions
        if record.is_own:
            return [told(Told.OWN_ALERT), *_summary(record)]
        asked = [one for one in record.decisions if one.stage != LIFECYCLE]
        sentences: list[str | None] = [told(one.reason) for one in record.decisions if one.stage == LIFECYCLE]
        if record.change in _NOTHING_ELSE:
            ended = [what for what in self._held if what not in record.suppressed_by]
            sentences += [over(what, self._used.get(what), entry.at, tenant, versions) for what in ended]
        sentences += [ruled(one, tenant, versions) for one in asked]
        sentences += [passed_by(asked), *score_sentences(record.scores, record.score_reasons)]
        sentences.append(expectation(record.expected))
        return [one for one in sentences if one is not None]

    def _said(self, decision: Decision, tenant: str) -> Said:
        record = version_of(decision, tenant, self._versions)
        author = None if decision.author is msgspec.UNSET else decision.author
        comment = record.comment if record is not None and record.comment else None
        one = decision
        return Said(one.stage, one.verdict, one.reason, one.rule, one.version, author, comment)


def _own(entry: Entry) -> Happening:
    return _line(entry, _summary(entry.record), entry.record.name, ())


def _summary(record: EnrichedRecord) -> list[str]:
    summary = record.annotations.get("summary")
    return [] if summary is None else [summary]


def _line(entry: Entry, sentences: Sequence[str], own: str | None, decisions: tuple[Said, ...]) -> Happening:
    record = entry.record
    return Happening(
        to_text(entry.at),
        entry.is_exact,
        own,
        record.id,
        record.change,
        record.status,
        record.severity,
        record.count,
        record.verdict,
        record.suppressed_by,
        tuple(sentences),
        decisions,
        record.scores,
        record.expected.resolved_in_s,
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(to_ms(moment) or 0)
