"""A story as lines for a person, and the list to choose from where it is not clear whose story is wanted."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.change import Change
from pipeline.domain.reasons import Stage
from pipeline.domain.timestamps import to_text
from pipeline.schemas.raw import FIRING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.ledger.why_search import Found
    from pipeline.ledger.why_story import Happening, Story

LISTED: Final = 20
_INDENT: Final = "    "
_OWN_WORDS: Final[dict[str, str]] = {
    Change.OPENED: "began",
    Change.RESOLVED: "ended",
    Change.SEVERITY_RAISED: "got worse",
}


class Choice(msgspec.Struct, frozen=True):
    """One of several alerts that fit, as its newest record has it."""

    fingerprint: str
    name: str
    labels: dict[str, str]
    severity: str
    status: str
    verdict: str
    newest_at: str

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """Return it in columns."""
        alert = named(self.name, self.labels)
        return self.fingerprint, alert, f"{self.severity}, {self.status}", self.verdict, self.newest_at


def choices(alerts: Mapping[str, Found]) -> list[Choice]:
    """Return the first of the alerts that fit."""
    newest = [found.newest for found in list(alerts.values())[:LISTED]]
    return [
        Choice(one.fingerprint, one.name, dict(sorted(one.labels.items())), one.severity, one.status, one.verdict, at)
        for one, at in ((entry.record, to_text(entry.at)) for entry in newest)
    ]


def story_lines(story: Story) -> Iterator[str]:
    """Yield the story; what says the same again and again is one line."""
    sender = f", from {story.source}" if story.source else ""
    yield named(story.name, story.labels)
    yield f"tenant {story.tenant_id}, fingerprint {story.fingerprint}{sender}"
    yield f"{_state(story)}, counted {story.count}×, last seen firing {story.last_seen_at}"
    when = "now" if story.status == FIRING else "its end was"
    yield f"{when} {_verdict(story.verdict, story.suppressed_by)}"
    yield ""
    for _, run in groupby(story.happenings, key=_fold):
        lines = list(run)
        yield _head(lines)
        common = [one for one in lines[-1].sentences if all(one in line.sentences for line in lines)]
        yield from (f"{_INDENT}{' '.join(sentence.split())}" for sentence in common)
    if not all(line.at_is_exact for line in story.happenings):
        yield ""
        yield "~ it was then or later: the file does not say when."
    if story.incidents:
        yield ""
        yield "Incidents that it is or was in:"
    for incident in story.incidents:
        first, *more = (" ".join(line.split()) for line in incident.lines())
        yield first
        yield from (f"{_INDENT}{line}" for line in more)


def named(name: str, labels: Mapping[str, str]) -> str:
    """Return an alert's name with its labels."""
    inside = ", ".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name} {{{inside}}}"


def _state(story: Story) -> str:
    if story.status == FIRING:
        return f"{story.severity}, firing since {story.starts_at}"
    return f"{story.severity}, fired from {story.starts_at} to {story.ends_at}"


def _fold(line: Happening) -> tuple[object, ...]:
    """Return what lines have in common that are shown as one: repeats, and the ups and downs of what flaps."""
    if line.own is None and line.change == Change.REPEATED:
        return line.change, line.severity, line.verdict, line.suppressed_by, line.sentences
    if line.own is None and Stage.FLAPPING in line.suppressed_by:
        return Stage.FLAPPING, line.severity, line.verdict, line.suppressed_by
    return line.id, line.own


def _head(lines: Sequence[Happening]) -> str:
    first, last = lines[0], lines[-1]
    when = _when(first) if len(lines) == 1 else f"{_when(first)} to {_when(last)}"
    if last.own is not None:
        return f"{when}  {last.own} {_OWN_WORDS.get(last.change, last.change)}"
    times = Counter(line.change for line in lines)
    what = ", ".join(change if count == 1 else f"{change} {count} times" for change, count in times.items())
    return f"{when}  {what}, {last.severity}, {last.count}×: {_verdict(last.verdict, last.suppressed_by)}"


def _when(line: Happening) -> str:
    return line.at if line.at_is_exact else f"~{line.at}"


def _verdict(verdict: str, suppressed_by: Iterable[str]) -> str:
    by = ", ".join(suppressed_by)
    return f"hidden by {by}" if by else "shown" if verdict == "active" else verdict
