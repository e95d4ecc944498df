"""How good noise scores, incidents and root causes are, by what people say of them.

An opinion is held against what was told before anything was said of its subject, so nothing is judged by what it was
taught. Records are taken in the order in which they were written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.opinion import OF_ALERTS, Opinion, Says
from pipeline.domain.proportion import Proportion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ENOUGH: Final = 30
"""Cases from which on a share says something: its interval is some 0.35 wide then, at the widest."""
SAID: Final = "said"
"""Stands for the signal of an alert that was put into an incident because somebody said so of it."""
_FIRST_FEW: Final = 3


class Spoken(msgspec.Struct, frozen=True):
    """The newest opinion of a subject, and when anything was first said of it (ms)."""

    opinion: Opinion
    first_at: int


class ScoredChange(msgspec.Struct, frozen=True):
    """One change of an alert that models look at; `noise` is None where there was no score."""

    at: int  # ms
    fingerprint: str
    name: str
    source: str
    instance: str
    severity: int
    noise: float | None
    is_hidden: bool = False  # as noise


class IncidentTold(msgspec.Struct, frozen=True):
    """One record of an incident; `signals` has its members, each with the strongest reason why it joined."""

    at: int  # ms
    incident: str
    aliases: tuple[str, ...]
    signals: dict[str, str]
    is_whole: bool  # all members are listed, not only those that it is about
    causes: tuple[str, ...]


class Agreement(msgspec.Struct):
    """How often what was told and what people say agree."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    rightly_not: int = 0

    def count(self, *, told: bool, said: bool) -> None:
        """Count one case."""
        self.right += told and said
        self.wrong += told and not said
        self.missed += said and not told
        self.rightly_not += not told and not said

    @property
    def precision(self) -> Proportion:
        """Return how much of what was told is right."""
        return Proportion(self.right, self.right + self.wrong)

    @property
    def recall(self) -> Proportion:
        """Return how much of what people say was told."""
        return Proportion(self.right, self.right + self.missed)

    @property
    def share(self) -> Proportion:
        """Return how much of all people say so of: the precision of telling it of everything."""
        said = self.right + self.missed
        return Proportion(said, said + self.wrong + self.rightly_not)


class NoiseQuality(msgspec.Struct, frozen=True):
    """Alerts, counted one by one: scored as noise, and said to be."""

    alerts: Agreement
    hidden: Agreement  # the same alerts, told to be noise where they were hidden as such
    unscored: int  # alerts of which nothing was known when somebody spoke of them
    later: int  # alerts that came only after that
    unmet: int  # opinions about alerts that are not there


class GroupingQuality(msgspec.Struct, frozen=True):
    """Alerts in incidents: put there, and said to belong there."""

    joins: Agreement
    by_signal: dict[str, Proportion]  # the strongest reason -> how many joins are right
    by_feedback: int  # were there because somebody had said so
    unmet: int  # opinions about incidents of which nothing was told before


class CauseQuality(msgspec.Struct, frozen=True):
    """Incidents by the rank that the cause which people name had; 0 for none."""

    ranks: dict[int, int]
    unmet: int

    @property
    def first(self) -> Proportion:
        """Return how often it was the likeliest."""
        return self._within(1)

    @property
    def among_three(self) -> Proportion:
        """Return how often it was among the three likeliest."""
        return self._within(_FIRST_FEW)

    def _within(self, last: int) -> Proportion:
        return Proportion(
            sum(count for rank, count in self.ranks.items() if 1 <= rank <= last), sum(self.ranks.values())
        )


class NoiseJudge:
    """Takes changes of alerts, and says how good their noise scores are."""

    def __init__(self, spoken: Iterable[Spoken], threshold: float) -> None:
        self._threshold = threshold
        self._spoken = [one for one in spoken if one.opinion.says in OF_ALERTS]
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(self._spoken):
            self._by_name[one.opinion.name].append(place)
        self._of: dict[str, dict[int, ScoredChange | None]] = {}  # fingerprint -> opinion -> last change before it

    def take(self, change: ScoredChange) -> None:
        """Take the next change."""
        for place in self._by_name.get(change.name, ()):
            spoken = self._spoken[place]
            if not _is_about(spoken.opinion, change):
                continue
            known = self._of.setdefault(change.fingerprint, {})
            if change.at < spoken.first_at:
                known[place] = change
            else:
                known.setdefault(place, None)

    def judged(self) -> NoiseQuality:
        """Return what came of it."""
        alerts, hidden, unscored, later = Agreement(), Agreement(), 0, 0
        for known in self._of.values():
            newest = max(known, key=lambda place: (self._spoken[place].opinion.ref.updated_at, place))
            change = known[newest]
            if change is None:
                later += 1
            elif change.noise is None:
                unscored += 1
            else:
                said = self._spoken[newest].opinion.says is Says.NOISE
                alerts.count(told=change.noise >= self._threshold, said=said)
                hidden.count(told=change.is_hidden, said=said)
        met = {place for known in self._of.values() for place in known}
        return NoiseQuality(alerts, hidden, unscored, later, len(self._spoken) - len(met))


def _is_about(opinion: Opinion, change: ScoredChange) -> bool:
    """Say whether an opinion is about an alert; a source or an instance that it does not name may be any."""
    return (
        opinion.severity == change.severity
        and opinion.source in ("", change.source)
        and opinion.instance in ("", change.instance)
    )


class IncidentJudge:
    """Takes what was told of incidents, and says how good members and root causes are."""

    def __init__(self, spoken: Iterable[Spoken]) -> None:
        self._cases: dict[str, list[_Case]] = defaultdict(list)
        for one in spoken:
            if one.opinion.says not in OF_ALERTS:
                self._cases[one.opinion.incident].append(_Case(one))

    def take(self, told: IncidentTold) -> None:
        """Take the next record."""
        for incident in (told.incident, *told.aliases):
            for case in self._cases.get(incident, ()):
                if told.at < case.spoken.first_at:
                    case.take(told)

    def grouping(self) -> GroupingQuality:
        """Return what came of the members."""
        joins, by_feedback, unmet = Agreement(), 0, 0
        signals: dict[str, list[bool]] = defaultdict(list)
        for case in self._all():
            says = case.spoken.opinion.says
            if says is Says.ROOT_CAUSE:
                continue
            if not case.is_met:
                unmet += 1
            elif case.signal == SAID:
                by_feedback += 1
            else:
                is_right = says is Says.BELONGS
                joins.count(told=bool(case.signal), said=is_right)
                if case.signal:
                    signals[case.signal].append(is_right)
        by_signal = {signal: Proportion(sum(found), len(found)) for signal, found in sorted(signals.items())}
        return GroupingQuality(joins, by_signal, by_feedback, unmet)

    def causes(self) -> CauseQuality:
        """Return what came of the root causes."""
        cases = [case for case in self._all() if case.spoken.opinion.says is Says.ROOT_CAUSE]
        ranks = Counter(_rank(case.spoken.opinion.node, case.causes) for case in cases if case.is_met)
        return CauseQuality(dict(sorted(ranks.items())), sum(not case.is_met for case in cases))

    def _all(self) -> Iterable[_Case]:
        return (case for cases in self._cases.values() for case in cases)


class _Case:
    """One opinion of an incident, and what was told before it."""

    __slots__ = ("causes", "is_met", "signal", "spoken")

    def __init__(self, spoken: Spoken) -> None:
        self.spoken = spoken
        self.is_met = False
        self.signal = ""  # why the alert joined; empty while it is no member
        self.causes: Sequence[str] = ()

    def take(self, told: IncidentTold) -> None:
        self.is_met = True
        self.causes = told.causes
        signal = told.signals.get(self.spoken.opinion.fingerprint)
        if signal is not None:
            self.signal = signal
        elif told.is_whole:
            self.signal = ""


def _rank(node: str, causes: Sequence[str]) -> int:
    return causes.index(node) + 1 if node in causes else 0
