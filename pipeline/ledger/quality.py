"""The running quality of one tenant: what its records come to against its feedback, as a table and as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from agents.scoring import NOISE, SCORED, noise_input
from pipeline.domain.quality import ENOUGH, IncidentJudge, NoiseJudge, ScoredChange
from pipeline.domain.reasons import Stage
from pipeline.domain.severity import DEFAULT, severity_of
from pipeline.ledger.incidents import told_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.domain.proportion import Proportion
    from pipeline.domain.quality import CauseQuality, GroupingQuality, NoiseQuality
    from pipeline.ledger.entries import Entry
    from pipeline.ledger.incidents import IncidentRecord
    from pipeline.ledger.opinions import Opinions

_NOISE: Final = "noise"
_GROUPING: Final = "grouping"
_CAUSE: Final = "root cause"
_OF_A_PART: Final = ", "


class Measure(msgspec.Struct, frozen=True):
    """One row: so many of so many, with the 95 % interval of their share."""

    what: str
    measure: str
    hits: int
    of: int
    value: float | None
    low: float | None
    high: float | None
    counts: str
    """What the two numbers are of."""


class NotJudged(msgspec.Struct, frozen=True):
    """Opinions, or alerts that opinions are about, that nothing could be held against."""

    what: str
    count: int
    because: str


class Quality(msgspec.Struct, frozen=True):
    """What came of one tenant's feedback."""

    tenant_id: str
    threshold: float
    threshold_from: str
    opinions: int
    taken_back: int
    measures: tuple[Measure, ...]
    ranks: dict[int, int]
    """Incidents by the rank that the said root cause had; 0 for none."""
    not_judged: tuple[NotJudged, ...]

    @property
    def too_little(self) -> list[Measure]:
        """Return the measures whose share says little, without those that are of a part of another's cases."""
        return [one for one in self.measures if one.of < ENOUGH and _OF_A_PART not in one.measure]


class QualityReading:
    """Takes what the topics say of a tenant, the opinions first."""

    def __init__(
        self, tenant: str, opinions: Opinions, threshold: float | None = None, since: int | None = None
    ) -> None:
        self._tenant = tenant
        self._taken_back, self._undated = opinions.taken_back(since), opinions.undated(since)
        said = opinions.threshold
        self._threshold = said.hide_from if threshold is None else threshold
        self._hides_noise = said.version is not None
        self._threshold_from = "as asked" if threshold is not None else said.who
        spoken = opinions.holding(since)
        self._count = len(spoken) + self._undated
        self._noise = NoiseJudge(spoken, self._threshold)
        self._incidents = IncidentJudge(spoken)

    @property
    def has_opinions(self) -> bool:
        """Say whether there is anything to hold against what was told."""
        return self._count > 0

    def take_change(self, entry: Entry) -> None:
        """Take the next record of alerts.enriched."""
        record = entry.record
        if record.change not in SCORED:
            return
        severity = severity_of(record.severity) or DEFAULT
        seen = noise_input(entry.at, record.name, record.source, record.labels, severity)
        self._noise.take(
            ScoredChange(
                entry.at,
                record.fingerprint,
                seen.name,
                seen.source,
                seen.instance,
                severity,
                record.scores.get(NOISE),
                Stage.NOISE in record.suppressed_by,
            )
        )

    def take_incident(self, record: IncidentRecord) -> None:
        """Take the next record of alerts.correlated."""
        self._incidents.take(told_of(record))

    def quality(self) -> Quality:
        """Return what came of it."""
        noise, grouping, causes = self._noise.judged(), self._incidents.grouping(), self._incidents.causes()
        hidden = _of_hidden(noise) if self._hides_noise else ()
        measures = (*_of_noise(noise), *hidden, *_of_grouping(grouping), *_of_causes(causes))
        left_out = tuple(one for one in self._not_judged(noise, grouping, causes) if one.count)
        return Quality(
            self._tenant,
            self._threshold,
            self._threshold_from,
            self._count,
            self._taken_back,
            measures,
            causes.ranks,
            left_out,
        )

    def _not_judged(self, noise: NoiseQuality, grouping: GroupingQuality, causes: CauseQuality) -> Iterator[NotJudged]:
        yield NotJudged(_NOISE, noise.unscored, "alerts without a score, since nobody had spoken of their name before")
        yield NotJudged(_NOISE, noise.later, "alerts that came only after the opinion, which the score knows by then")
        yield NotJudged(_NOISE, noise.unmet, "opinions about alerts that are not there")
        yield NotJudged(_GROUPING, grouping.by_feedback, "alerts that were there because somebody had said so")
        yield NotJudged(_GROUPING, grouping.unmet, "opinions about incidents of which nothing was told before")
        yield NotJudged(_CAUSE, causes.unmet, "opinions about incidents of which nothing was told before")
        yield NotJudged("any", self._undated, "opinions whose first version is no longer on the topic")


def _of_noise(found: NoiseQuality) -> Iterator[Measure]:
    yield _measure(_NOISE, "precision", found.alerts.precision, "alerts scored as noise that are said to be")
    yield _measure(_NOISE, "recall", found.alerts.recall, "alerts said to be noise that were scored so")
    yield _measure(
        _NOISE, "share", found.alerts.share, "judged alerts that are said to be noise: the precision of calling all so"
    )


def _of_hidden(found: NoiseQuality) -> Iterator[Measure]:
    yield _measure(_NOISE, "precision, hidden", found.hidden.precision, "alerts hidden as noise that are said to be")
    yield _measure(_NOISE, "recall, hidden", found.hidden.recall, "alerts said to be noise that were hidden so")


def _of_grouping(found: GroupingQuality) -> Iterator[Measure]:
    yield _measure(_GROUPING, "precision", found.joins.precision, "alerts in an incident that are said to belong there")
    yield _measure(_GROUPING, "recall", found.joins.recall, "alerts said to belong to an incident that were there")
    for signal, share in found.by_signal.items():
        yield _measure(
            _GROUPING, f"precision, {signal}", share, f"of those, the ones that joined by {signal} above all"
        )


def _of_causes(found: CauseQuality) -> Iterator[Measure]:
    yield _measure(_CAUSE, "named first", found.first, "incidents whose said cause was ranked first")
    yield _measure(_CAUSE, "named in three", found.among_three, "incidents whose said cause was among the first three")


def _measure(what: str, measure: str, share: Proportion, counts: str) -> Measure:
    low, high = share.interval or (None, None)
    return Measure(what, measure, share.hits, share.of, share.value, low, high, counts)
