"""How well alerts are grouped into incidents, and their causes ranked: AIT-ADS and fault_alerts, one setting for all.

python -m bench.correlation [DATA]    # a folder that holds ait_ads/ and fault_alerts/; a few minutes

The lines go through the life of alerts first (pipeline.domain.lifecycle, default periods), so that only changes,
digests and the first repeats of bursts reach the correlator. Each line counts for the incident that its alert is in
at the time of the line. AIT-ADS calls a line noise unless its rule is known to tell of the step that is under way,
though most that comes in the seconds of a step is of that step: scores without such lines are told as well.

Harder sets are made of the same data: steps of both scenarios thrown into folded noise, and a system's faults
overlaid with its own in another order, five minutes later.

Causes are ranked twice: by the alerts alone, and with the cause of each incident told once it is over, as after a
post-mortem, so that what was told of earlier incidents is known.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter, defaultdict
from datetime import datetime
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bench import report
from bench.labelled_sets import Faults, ait_scenario, alone, merged, overlaid
from bench.machine import ROOT
from pipeline.domain import lifecycle
from pipeline.domain.alert import Alert, Observation, Periods
from pipeline.domain.change import Change
from pipeline.domain.correlation import CorrelationSettings, Correlator, Seen
from pipeline.domain.correlation.bursts import Burst
from pipeline.domain.correlation.seen import Feedback
from pipeline.domain.fingerprint import fingerprint_of
from pipeline.domain.severity import severity_of
from pipeline.domain.timestamps import to_ms
from pipeline.domain.topology import Edge, Topology
from pipeline.evaluation import grouping

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from pipeline.domain.correlation import IncidentView
    from pipeline.domain.severity import Severity

DATA = ROOT.parent / "shared" / "data"
SIGNALS = ("temporal", "labels", "topology", "text", "cooccurrence", "learn_gap", "onset")
ABLATED = {  # which signals are switched off on which sets, to see what each is worth
    "ait russellmitchell": SIGNALS,
    "ait shaw": SIGNALS,
    "faults overlaid": SIGNALS,
    "faults overlaid with themselves": ("topology", "learn_gap", "onset"),
}
DAY = 86_400_000
FIVE_MINUTES = 300_000


class Line(NamedTuple):
    """One raw alert, with its truth beside it."""

    at: int
    fingerprint: str
    name: str
    labels: dict[str, str]
    severity: Severity
    source: str
    ends_at: int
    incident: str | None
    root: str | None
    during_attack: bool = False  # in the time of an attack


class LabelledSet(NamedTuple):
    """Lines by time, and what is known of the system."""

    lines: list[Line]
    topology: Topology | None = None


class Correlated(NamedTuple):
    """What came of a set."""

    groups: list[str | None]  # of each line
    views: dict[str, IncidentView]  # the last of each incident
    joins: list[tuple[float, int, str]]  # probability, line, incident
    changes: int
    micros: float  # of processor time for each change
    gap: int


# -- sets


def read(alerts: Iterable[dict[str, Any]]) -> list[Line]:
    """Return alerts in the form of alerts.raw as lines, by time."""
    known: dict[tuple[str, ...], str] = {}
    lines = []
    for alert in alerts:
        times = msgspec.convert({key: alert[key] for key in ("starts_at", "ends_at")}, _Times)
        labels, truth = alert["labels"], alert["extra"]["truth"]
        key = (alert["name"], *(part for pair in labels.items() for part in pair))
        fingerprint = known.get(key) or known.setdefault(key, fingerprint_of(alert["name"], labels))
        severity = severity_of(alert["severity"])
        assert severity is not None, alert["severity"]  # noqa: S101 - the sets hold known ones only
        at, ends_at = to_ms(times.starts_at), to_ms(times.ends_at)
        assert at is not None and ends_at is not None  # noqa: S101
        lines.append(
            Line(
                at,
                fingerprint,
                alert["name"],
                labels,
                severity,
                alert["source"],
                ends_at,
                truth["incident"],
                truth["root_cause"],
                truth.get("during_attack", False),
            )
        )
    return sorted(lines, key=lambda line: line.at)


class _Times(msgspec.Struct):
    starts_at: datetime
    ends_at: datetime


def graph(topology: dict[str, Any]) -> Topology:
    """Return the topology of a set."""
    nodes = {node["id"]: node.get("type", "") for node in topology["nodes"]}
    return Topology(nodes, [Edge(edge["source"], edge["target"], edge["label"]) for edge in topology["edges"]])


def mixture(noise: list[Line], scenarios: dict[str, list[Line]], *, fold: int, seed: int, overlap: bool) -> list[Line]:
    """Return four days of noise folded into 4 / `fold`, with every attack step of all scenarios twice, at random.

    Hosts have the addresses that they have in the noise, so that an attack is not told by its address. With
    `overlap` half of the steps begin within 20 seconds of another one.
    """
    dice = random.Random(seed)  # noqa: S311 - to be repeatable is the point
    begin, span = noise[0].at // DAY * DAY, 4 * DAY // fold
    address = {line.labels["host"]: line.labels["ip"] for line in reversed(noise)}
    mixed = [
        moved(line, -((line.at - begin) // span) * span, None, address)
        for line in noise
        if line.incident is None and line.at < begin + 4 * DAY
    ]
    anchors: list[int] = []
    for copy in (0, 1):
        for scenario, lines in scenarios.items():
            steps: dict[str, list[Line]] = defaultdict(list)
            for line in lines:
                if line.incident is not None:
                    steps[line.incident].append(line)
            for step, those in steps.items():
                at = begin + span // 4 + dice.randrange(span * 3 // 4 - 3_600_000)
                if overlap and anchors and dice.random() < 0.5:
                    at = dice.choice(anchors) + dice.randrange(20_000)
                anchors.append(at)
                shift = (at - those[0].at) // 1000 * 1000
                mixed += [moved(line, shift, f"{scenario}/{step}/{copy}", address) for line in those]
    return sorted(mixed, key=lambda line: line.at)


def moved(line: Line, shift: int, incident: str | None, address: dict[str, str]) -> Line:
    """Return a line at another time, with the address that its host has."""
    labels = {**line.labels, "ip": address.get(line.labels["host"], line.labels["ip"])}
    fingerprint = line.fingerprint if labels == line.labels else fingerprint_of(line.name, labels)
    return line._replace(
        at=line.at + shift, ends_at=line.ends_at + shift, labels=labels, fingerprint=fingerprint, incident=incident
    )


def overlaid_with_itself(lines: list[Line], seed: int) -> list[Line]:
    """Return a fault every 20 minutes, and another fault of the same system five minutes after each."""
    faults: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        faults[str(line.incident)].append(line)
    others = list(faults)
    random.Random(seed).shuffle(others)  # noqa: S311 - to be repeatable is the point
    found = []
    for number, (one, other) in enumerate(zip(faults, others, strict=True)):
        for fault, later, copy in ((one, 0, "first"), (other, FIVE_MINUTES, "second")):
            shift = DAY * 20_000 + number * 1_200_000 + later - faults[fault][0].at
            found += [
                line._replace(at=line.at + shift, ends_at=line.ends_at + shift, incident=f"{copy}/{fault}")
                for line in faults[fault]
            ]
    return sorted(found, key=lambda line: line.at)


def sets(data: Path) -> dict[str, LabelledSet]:
    """Return every set by name."""
    paths = sorted((data / "ait_ads").glob("*.jsonl*"))
    scenarios = {path.name.partition(".")[0]: read(ait_scenario(path)) for path in paths}
    found = {f"ait {name}": LabelledSet(lines) for name, lines in scenarios.items()}
    noise = list(scenarios.values())
    found["ait mixture"] = LabelledSet(mixture(noise[0], scenarios, fold=2, seed=1, overlap=False))
    found["ait mixture, overlapping"] = LabelledSet(mixture(noise[-1], scenarios, fold=4, seed=3, overlap=True))
    micro, boutique = (Faults(data / "fault_alerts" / name) for name in ("MicroSS", "Online-Boutique-cloudbed-1"))
    both = graph(merged(boutique.topology, micro.topology))
    found["faults overlaid"] = LabelledSet(read(overlaid(boutique, micro)), both)
    for system in (boutique, micro):
        found[f"faults {system.tenant}"] = LabelledSet(read(alone(system)), graph(system.topology))
    shop = found[f"faults {boutique.tenant}"]
    found["faults overlaid with themselves"] = LabelledSet(overlaid_with_itself(shop.lines, 1), shop.topology)
    return found


# -- what the correlator is told


def changes(lines: Sequence[Line]) -> Iterator[tuple[int | None, Seen | None]]:
    """Yield (line, what the ingest agent tells at it), and (None, what it tells as time passes)."""
    periods = Periods()
    alerts: dict[str, Alert] = {}
    facts: dict[str, Line] = {}
    bursts: dict[str, Burst] = {}
    first: dict[str, int] = {}
    due: list[tuple[int, str]] = []

    def told(alert: Alert, change: str, at: int, quiet_ms: int = 0) -> Seen:
        line = facts[alert.fingerprint]
        return Seen(
            alert.fingerprint,
            alert.name,
            int(alert.severity),
            alert.open,
            suppressed=False,
            change=change,
            at=at,
            starts_at=alert.starts_at,
            labels=line.labels,
            source=line.source,
            count=alert.count,
            last_seen=alert.last_seen,
            quiet_ms=quiet_ms,
        )

    def passed(now: int) -> Iterator[tuple[None, Seen]]:
        while due and due[0][0] <= now:
            at, fingerprint = heappop(due)
            alert = alerts[fingerprint]
            if not alert.open or lifecycle.due_at(alert, periods) > at:
                continue
            change = lifecycle.pass_time(alert, at, periods)
            if change is not None:
                yield None, told(alert, change.value, at)
            if alert.open:
                heappush(due, (lifecycle.due_at(alert, periods), fingerprint))

    for number, line in enumerate(lines):
        yield from passed(line.at)
        fingerprint = line.fingerprint
        facts[fingerprint] = line
        alert = alerts.get(fingerprint)
        seen = Observation(True, line.severity, line.at, line.at, max(line.ends_at, line.at + 1), None)
        before = alert.last_seen if alert is not None and alert.open else None
        change: Any = Change.OPENED
        if alert is None:
            alert = alerts[fingerprint] = lifecycle.opened("bench", fingerprint, line.name, seen)
        else:
            change = lifecycle.observe(alert, seen, periods)
        again = change.value if before is None else None
        if before is None:
            bursts[fingerprint], first[fingerprint] = Burst(), line.at
        else:
            again = bursts[fingerprint].repeat(line.at - before, before - first[fingerprint], alert.count - 2)
        if again is not None:
            lifecycle.tell(alert, line.at)
        heappush(due, (lifecycle.due_at(alert, periods), fingerprint))
        yield number, told(alert, again, line.at, bursts[fingerprint].quiet_ms) if again is not None else None
    yield from passed(1 << 62)


class _Lessons:
    """What somebody says of the causes of incidents once they are over."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._roots: dict[str, Counter[str]] = defaultdict(Counter)  # of the lines of each incident

    def note(self, number: int, incident: str | None) -> None:
        """Take note of the incident that a line is in."""
        root = self._lines[number].root
        if incident is not None and root is not None:
            self._roots[incident][root] += 1

    def of(self, view: IncidentView) -> tuple[Feedback, int]:
        """Return what is said of an incident, and when."""
        roots = sum((self._roots.get(one, Counter()) for one in (view.id, *view.aliases)), Counter[str]())
        root = roots.most_common(1)[0][0] if roots else ""
        return Feedback(f"said-{view.id}", "root_cause", view.id, node=root), view.last_seen


def correlate(given: LabelledSet, settings: CorrelationSettings, *, taught: bool = False) -> Correlated:
    """Run one set through the correlator.

    With `taught` somebody says what the cause of each incident was when it is over: of the fault that most of its
    lines are of. So every ranking is made knowing the causes of those before it, and not its own.
    """
    lessons = _Lessons(given.lines) if taught else None
    correlator = Correlator("bench", settings, given.topology)
    groups: list[str | None] = [None] * len(given.lines)
    views: dict[str, IncidentView] = {}
    joins: list[tuple[float, int, str]] = []
    went_to: dict[str, str] = {}
    count, spent = 0, 0
    for number, seen in changes(given.lines):
        if seen is not None:
            began = time.thread_time_ns()
            events = correlator.observe(seen)
            spent += time.thread_time_ns() - began
            count += 1
            for event in events:
                views[event.incident.id] = event.incident
                if lessons is not None and event.kind == "resolved":
                    correlator.apply_feedback(*lessons.of(event.incident))
                if event.kind == "merged":
                    went_to[event.about[0]] = event.incident.id
                elif event.kind == "joined" and number is not None:
                    joins.append((event.incident.members[-1].strength, number, event.incident.id))
        if number is not None:
            groups[number] = correlator.incident_of(given.lines[number].fingerprint)
            if lessons is not None:
                lessons.note(number, groups[number])

    def final(incident: str) -> str:
        while incident in went_to:
            incident = went_to[incident]
        return incident

    named = [None if group is None else final(group) for group in groups]
    told = [(strength, number, final(incident)) for strength, number, incident in joins]
    return Correlated(named, views, told, count, spent / count / 1000, correlator.gap)


# -- judging


def by_time_gap(lines: Sequence[Line], seconds: int, key: str | None) -> list[Hashable]:
    """Return the baseline: for each value of a label, a pause longer than `seconds` begins another group."""
    last: dict[str | None, int] = {}
    number: Counter[str | None] = Counter()
    groups: list[Hashable] = []
    for line in lines:
        value = line.labels.get(key) if key else None
        if line.at - last.get(value, -DAY) > seconds * 1000:
            number[value] += 1
        last[value] = line.at
        groups.append((value, number[value]))
    return groups


def scores(lines: Sequence[Line], groups: Sequence[Hashable], *, intervals: bool = False) -> dict[str, Any]:
    """Return how well lines were grouped."""
    table = grouping.Contingency.of([line.incident for line in lines], groups)
    pairs = grouping.pair_score(table)
    told: dict[str, Any] = {
        "macro_f1": grouping.macro_f1(table),
        "pair_f1": pairs.f1,
        "pair_precision": pairs.precision,
        "pair_recall": pairs.recall,
        "groups": len(table.sizes),
    }
    if intervals:
        told["macro_f1_interval"] = grouping.mean_interval(grouping.best_f1(table))
        told["pair_f1_interval"] = grouping.pair_interval(table, 200)
    return told


def is_doubtful(line: Line) -> bool:
    """Say whether a line is called noise, but came in the time of an attack: it may well be of that attack."""
    return line.incident is None and line.during_attack


def without_doubtful(lines: Sequence[Line], found: Correlated) -> dict[str, Any]:
    """Return the scores that do not depend on what doubtful lines are taken for."""
    kept = [(line, group) for line, group in zip(lines, found.groups, strict=True) if not is_doubtful(line)]
    told = scores([line for line, _ in kept], [group for _, group in kept])
    sure = confidence(lines, found, doubtful=False)
    return {
        "left_out": len(lines) - len(kept),
        "macro_f1": told["macro_f1"],
        "joins": sure["joins"],
        "calibration_error": sure["calibration_error"],
    }


def confidence(lines: Sequence[Line], found: Correlated, *, doubtful: bool = True) -> dict[str, Any]:
    """Return the reliability of the probability with which alerts joined; noise that joined an incident is wrong.

    A join is right if its line is of what most lines of the group are of. Without the `doubtful` lines these neither
    count for what a group is of, nor are they judged.
    """
    of_group: dict[str, Counter[str | None]] = defaultdict(Counter)
    for line, group in zip(lines, found.groups, strict=True):
        if group is not None and (doubtful or not is_doubtful(line)):
            of_group[group][line.incident] += 1
    judged = []
    for strength, number, incident in found.joins:
        if not doubtful and is_doubtful(lines[number]):
            continue
        most = of_group[incident].most_common(1)
        theirs, own = (most[0][0] if most else None), lines[number].incident
        if theirs is not None or own is not None:
            judged.append((strength, theirs == own))
    curve = grouping.reliability(judged)
    bins = [msgspec.structs.asdict(one) for one in curve]
    return {"joins": len(judged), "calibration_error": grouping.calibration_error(curve), "reliability": bins}


def root_causes(given: LabelledSet, found: Correlated) -> dict[str, Any]:
    """Return where the true cause was ranked, in the incident that has most of a fault's lines; baselines beside it."""
    faults: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(given.lines):
        faults[str(line.incident)].append(number)
    dice = random.Random(7)  # noqa: S311 - to be repeatable is the point
    ours: dict[str, int | None] = {}
    earliest: dict[str, int | None] = {}
    chance: dict[str, int | None] = {}
    sure = []
    has_alerts = []
    for fault, numbers in faults.items():
        root = str(given.lines[numbers[0]].root)
        group = Counter(found.groups[number] for number in numbers).most_common(1)[0][0]
        view = found.views.get(str(group))
        ranking = [cause.node for cause in view.root_causes] if view is not None else []
        ours[fault] = grouping.place_of(ranking, root)
        if view is not None and ranking:
            sure.append((view.root_causes[0].confidence, ranking[0] == root))
        nodes = dict.fromkeys(given.lines[number].labels["entity"] for number in numbers)
        earliest[fault] = grouping.place_of(list(nodes), root)
        assert given.topology is not None  # noqa: S101 - every set of faults has one
        services = [given.topology.service_of(node) for node in nodes]
        has_alerts.append(root in nodes or root in services)
        hosts = [given.lines[number].labels.get("host", "") for number in numbers]
        anything = sorted({*nodes, *services, *hosts} - {""})
        dice.shuffle(anything)
        chance[fault] = grouping.place_of(anything, root)
    curve = grouping.reliability(sure)
    return {
        "faults": len(faults),
        "root_has_alerts": sum(has_alerts) / len(has_alerts),
        "ours": ranked(ours),
        "earliest_alert": ranked(earliest),
        "random": ranked(chance),
        "calibration_error": grouping.calibration_error(curve),
    }


def ranked(places: dict[str, int | None]) -> dict[str, Any]:
    """Return how often the true cause was among the first."""
    first = {fault: float(place == 1) for fault, place in places.items()}
    those = list(places.values())
    return {
        "first": grouping.within(those, 1),
        "first_interval": grouping.mean_interval(first),
        "in_first_three": grouping.within(those, 3),
        "in_first_five": grouping.within(those, 5),
        "avg_at_5": grouping.average_within(those),
    }


def cost(incidents: int, tenants: int = 20, rounds: int = 5_000) -> float:
    """Return the processor time in microseconds of a change, with so many incidents open in `tenants` tenants."""
    every = [Correlator(f"t{number}", CorrelationSettings()) for number in range(tenants)]

    def change(number: int, at: int) -> Seen:
        host = f"host-{number % incidents}"
        labels = {"host": host, "cluster": "production", "service": f"service-{number % 97}"}
        name = f"Alert{number % 61}"
        return Seen(
            f"{number}", name, 2, firing=True, suppressed=False, change="opened", at=at, starts_at=at, labels=labels
        )

    for number in range(incidents):
        every[number % tenants].observe(change(number, number * 60_000))
    told = [change(incidents + number, (incidents + number) * 60_000) for number in range(rounds)]
    began = time.thread_time_ns()
    for number, seen in enumerate(told):
        every[number % tenants].observe(seen)
    return (time.thread_time_ns() - began) / rounds / 1000


def main(data: Path | None = None) -> None:
    """Measure and report."""
    data = data or (Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
    if not (data / "ait_ads").is_dir() or not (data / "fault_alerts").is_dir():
        print(f"No ait_ads/ and fault_alerts/ in {data}: nothing was measured. Name the folder that has them.")
        return
    usual = CorrelationSettings()
    told: dict[str, Any] = {}
    causes: dict[str, Any] = {}
    rows: list[tuple[object, ...]] = []
    for name, given in sets(data).items():
        print(f"{name}: {len(given.lines):,} lines")
        found = correlate(given, usual)
        key = "host" if name.startswith("ait") else None
        gaps = {seconds: scores(given.lines, by_time_gap(given.lines, seconds, key)) for seconds in (2, 8, 15, 60)}
        off = {one: without(given, one) for one in ABLATED.get(name, ())}
        ours = scores(given.lines, found.groups, intervals=True)
        told[name] = {
            "lines": len(given.lines),
            "changes": found.changes,
            "microseconds_per_change": round(found.micros, 1),
            "gap_learned_ms": found.gap,
            "ours": ours,
            f"time_gap_per_{key or 'tenant'}": {f"{seconds} s": one for seconds, one in gaps.items()},
            "without": off,
            "confidence": confidence(given.lines, found),
            "without_doubtful": without_doubtful(given.lines, found),
        }
        rows.append((name, "ours", *(ours[one] for one in ("macro_f1", "pair_f1", "groups"))))
        rows += [
            (name, f"time gap {seconds} s", one["macro_f1"], one["pair_f1"], one["groups"])
            for seconds, one in gaps.items()
        ]
        if given.topology is not None:
            taught = root_causes(given, correlate(given, usual, taught=True))
            causes[name] = {
                **root_causes(given, found),
                "ours_taught": taught["ours"],
                "calibration_error_taught": taught["calibration_error"],
            }
    report.print_table("Grouping", ("set", "by", "macro F1", "pair F1", "groups"), rows)
    report.print_table(
        "Root causes",
        ("set", "by", "first", "in first 3", "Avg@5"),
        [
            (name, by, one[by]["first"], one[by]["in_first_three"], one[by]["avg_at_5"])
            for name, one in causes.items()
            for by in ("ours", "ours_taught", "earliest_alert", "random")
        ],
    )
    setting = msgspec.structs.asdict(usual)
    growth = {str(incidents): round(cost(incidents), 1) for incidents in (10, 100, 1_000, 10_000)}
    result = {"setting": setting, "sets": told, "microseconds_per_change_by_open_incidents": growth}
    report.write_result("correlation", result)
    report.write_result("root_cause", {"setting": setting, "sets": causes})


def without(given: LabelledSet, signal: str) -> dict[str, Any]:
    """Return the scores with one signal switched off."""
    settings = msgspec.structs.replace(CorrelationSettings(), **{signal: False})
    return scores(given.lines, correlate(given, settings).groups)


if __name__ == "__main__":
    main()
