"""What predictions are worth: grouping, root causes, noise and anomalies against the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from pipeline.evaluation import baselines, classification, grouping
from pipeline.evaluation.grouping import Contingency
from pipeline.evaluation.report import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from pipeline.evaluation.baselines import Glance
    from pipeline.evaluation.labelled import Labelled
    from pipeline.evaluation.predictions import Prediction

_PAIR_GAP_MS: Final = 15_000
_LOST: Final = 0.001  # of the wanted alerts may be hidden


class Scoring:
    """One set, what was said of it, and what is true of it."""

    def __init__(self, alerts: Sequence[Labelled], said: Sequence[Prediction]) -> None:
        self.alerts = alerts
        self.said = said
        self.seen = baselines.glances(alerts)
        self.times = _times(alerts)
        self.truth = [one.truth.incident for one in alerts]
        self.notes: list[str] = []

    def rows(self) -> Iterator[Row]:
        """Yield every measure that the truth allows."""
        if any(self.truth):
            yield from self._grouping()
        else:
            self.notes.append("no incidents in the truth: grouping was not measured")
        if any(one.truth.root_cause for one in self.alerts):
            yield from self._root_causes()
        yield from self._suppression()
        yield from self._scores("noise", lambda one: one.noise, wanted=False)
        yield from self._scores("anomaly", lambda one: one.anomaly, wanted=True)

    # -- grouping

    def _table(self, groups: Sequence[Hashable]) -> Contingency:
        return Contingency.of(self.truth, groups)

    def _grouping(self) -> Iterator[Row]:
        ours = self._table([one.incident for one in self.said])
        host = self._table(baselines.time_gap(self.times, self.seen, baselines.GAP_MS, baselines.place_of))
        everywhere = self._table(baselines.time_gap(self.times, self.seen, _PAIR_GAP_MS, lambda seen: None))
        per_incident = grouping.best_f1(ours)
        yield Row(
            "correlation",
            "macro F1, noise counted",
            grouping.macro_f1(ours),
            grouping.mean_interval(per_incident),
            "2 s gap per place",
            grouping.macro_f1(host),
            "≥ 0.85",
            len(per_incident),
        )
        yield Row(
            "correlation",
            "groups",
            float(len(ours.sizes)),
            None,
            "2 s gap per place",
            float(len(host.sizes)),
            "< 5,000",
        )
        yield Row(
            "correlation",
            "pair-F1",
            grouping.pair_score(ours).f1,
            grouping.pair_interval(ours),
            "15 s gap",
            grouping.pair_score(everywhere).f1,
            "> 0.80",
            len(per_incident),
        )

    # -- root causes

    def _root_causes(self) -> Iterator[Row]:
        ours, first, chance = [], [], []
        for incident, (cause, members, predictions) in sorted(self._with_causes().items()):
            groups = Counter(one.incident for one in predictions if one.incident is not None)
            best = max(groups, key=lambda group: (groups[group], group), default=None)
            ranking = next((one.root_causes for one in predictions if one.incident == best), ()) if best else ()
            ours.append(grouping.place_of(ranking, cause))
            first.append(grouping.place_of(baselines.earliest(members), cause))
            chance.append(grouping.place_of(baselines.by_chance(members, incident), cause))
        measures: list[tuple[str, Callable[[Sequence[int | None]], float], str | None]] = [
            ("first of the ranking (AC@1)", lambda places: grouping.within(places, 1), "≥ 0.60"),
            ("among the first three (AC@3)", lambda places: grouping.within(places, 3), "≥ 0.85"),
            ("Avg@5", grouping.average_within, None),
        ]
        for measure, value_of, wanted in measures:
            value = value_of(ours)
            low_high = classification.bootstrap_interval(ours, value_of)
            yield Row("root cause", measure, value, low_high, "earliest alert", value_of(first), wanted, len(ours))
            yield Row("root cause", measure, value, low_high, "by chance", value_of(chance), wanted, len(ours))

    def _with_causes(self) -> dict[str, tuple[str, list[Glance], list[Prediction]]]:
        found: dict[str, tuple[str, list[Glance], list[Prediction]]] = {}
        for alert, seen, said in zip(self.alerts, self.seen, self.said, strict=True):
            truth = alert.truth
            if truth.incident is not None and truth.root_cause is not None:
                _, members, predictions = found.setdefault(truth.incident, (truth.root_cause, [], []))
                members.append(seen)
                predictions.append(said)
        return found

    # -- what is hidden

    def _suppression(self) -> Iterator[Row]:
        hidden = [one.verdict == "suppressed" for one in self.said]
        wanted = [one.truth.wanted for one in self.alerts]
        for what, of in (("unwanted alerts hidden", False), ("wanted alerts hidden", True)):
            chosen = [was for was, is_wanted in zip(hidden, wanted, strict=True) if is_wanted is of]
            if chosen:
                yield Row("suppression", what, sum(chosen) / len(chosen), units=len(chosen))
        steps: dict[str, list[bool]] = defaultdict(list)
        for alert, was in zip(self.alerts, hidden, strict=True):
            if alert.truth.step is not None:
                steps[alert.truth.step].append(was)
        if steps:
            kept = sum(not all(one) for one in steps.values())
            yield Row("suppression", "steps of which something is shown", kept / len(steps), units=len(steps))

    # -- scores

    def _scores(self, need: str, score_of: Callable[[Prediction], float | None], *, wanted: bool) -> Iterator[Row]:
        scored = [
            (score, alert)
            for one, alert in zip(self.said, self.alerts, strict=True)
            if (score := score_of(one)) is not None
        ]
        truths = [alert.truth.wanted is wanted for _, alert in scored]
        if not scored or len(set(truths)) < 2:
            self.notes.append(f"{need}: no scores, or only one class in the truth: not measured")
            return
        scores = [score for score, _ in scored]
        yield Row(need, "AUC", classification.auc(scores, truths), units=len(scores))
        if need == "noise":
            yield from _at_a_threshold(scores, scored)
            error = classification.expected_calibration_error(scores, truths)
            yield Row(need, "expected calibration error", error, units=len(scores))


def _at_a_threshold(scores: Sequence[float], scored: Sequence[tuple[float, Labelled]]) -> Iterator[Row]:
    """Yield how much noise can be hidden where hardly a wanted alert is."""
    wanted = sorted((score for score, alert in scored if alert.truth.wanted), reverse=True)
    allowed = int(len(wanted) * _LOST)
    threshold = wanted[allowed] if allowed < len(wanted) else 0.0
    noise = [score for score, alert in scored if not alert.truth.wanted]
    share = sum(score > threshold for score in noise) / len(noise)
    yield Row("noise", "noise hidden at ≤ 0.1 % of the wanted", share, wanted="≥ 0.95", units=len(noise))
    steps: dict[str, bool] = {}
    for score, alert in scored:
        if alert.truth.step is not None:
            steps[alert.truth.step] = steps.get(alert.truth.step, False) or score <= threshold
    if steps:
        kept = sum(steps.values()) / len(steps)
        yield Row("noise", "attack steps kept there", kept, wanted="all", units=len(steps))


def _times(alerts: Sequence[Labelled]) -> list[int]:
    """Return the time of each alert, that of the one before where it says none."""
    times, latest = [], 0
    for alert in alerts:
        latest = latest if alert.line.timestamp is None else alert.line.timestamp
        times.append(latest)
    return times
