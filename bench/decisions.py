"""What one decision costs, without a broker and without a store: microseconds on one core.

python -m bench.decisions      # prints a table and writes bench/results/decisions.json; under a minute
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench import report
from pipeline.domain.inhibition import Inhibitor, InhibitRule, Source
from pipeline.domain.match_index import MatchIndex
from pipeline.domain.matchers import matchers_of
from pipeline.domain.rule import RuleRef
from pipeline.domain.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.domain.matchers import Matchers

SILENCES = 1_000
ALERTS = 2_000
NEW = 200  # alerts of which each is asked about once
INHIBIT_RULES = 100
OPEN_ALERTS = 10_000
ROUNDS = 9  # the fastest is told: the others were disturbed by something that is not measured


def main() -> None:
    """Measure every decision and report."""
    results: dict[str, Any] = {"silences": silences(), "inhibition": inhibition()}
    report.print_table(
        "One decision (µs)",
        ("what", "µs"),
        [(f"{name}: {case}", cost) for name, cases in results.items() for case, cost in cases.items()],
    )
    report.write_result(
        "decisions",
        {
            "silences_kept": SILENCES,
            "alerts": ALERTS,
            "inhibit_rules": INHIBIT_RULES,
            "open_alerts": OPEN_ALERTS,
            **results,
        },
    )


def silences() -> dict[str, float]:
    """Return what it costs to know which of 1,000 silences hide an alert of 6 labels, by who wrote the silences.

    `by equality`: each names an alert, an instance or a namespace, as one made from an alert on screen does.
    `mixed`: one in five has nothing but regular expressions. `regex only`: all of them.
    """
    alerts = [alert(number) for number in range(ALERTS)]
    by_equality = indexed([equality_silence(number) for number in range(SILENCES)])
    one_each = indexed([matchers_of([f'instance="node-{number}:9100"'], None) for number in range(SILENCES)])
    mixed = indexed([(regex_silence if number % 5 == 0 else equality_silence)(number) for number in range(SILENCES)])
    regex_only = indexed([regex_silence(number) for number in range(SILENCES)])
    every_one = [equality_silence(number) for number in range(SILENCES)]
    return {
        "regex only, values never seen": per_call(regex_only.matching, alerts[:NEW], rounds=1),
        "by equality, none matches": per_call(by_equality.matching, alerts),
        "by equality, one matches": per_call(one_each.matching, alerts[:SILENCES]),
        "mixed, none matches": per_call(mixed.matching, alerts),
        "regex only, none matches": per_call(regex_only.matching, alerts),
        "by equality, without an index": per_call(
            lambda alert: [matchers for matchers in every_one if matchers.matches(alert)], alerts[:NEW], rounds=1
        ),
        "making the subject": per_call(alert, range(ALERTS)),
    }


def alert(number: int) -> Subject:
    """Return an alert that no silence of the bench hides, with values which many of them ask for."""
    return Subject(
        f"Alert{number % 200}",
        {
            "cluster": f"cluster-{number % 10}",
            "instance": f"node-{number}:9100",
            "job": "node",
            "namespace": f"team-{number % 40}",
            "pod": f"web-{number % 500}",
            "severity": "warning",
        },
    )


def equality_silence(number: int) -> Matchers:
    """Return a silence with at least one equality matcher; none hides an alert of the bench."""
    kinds = (
        [f'alertname="Alert{number % 200}"', 'cluster="cluster-x"'],
        [f'instance="node-{number}:9100"', f'alertname="Backup{number}"'],
        [f'alertname=~"Alert{number % 200}|Alert{number % 100}"', 'severity="critical"'],
        [f'namespace="team-{number}"', 'cluster="cluster-3"', 'pod=~"batch-.*"'],
    )
    return matchers_of(kinds[number % len(kinds)], None)


def regex_silence(number: int) -> Matchers:
    """Return a silence of regular expressions alone; none hides an alert of the bench."""
    return matchers_of([f'instance=~"db-{number}-[0-9]+"', 'severity!~"none|info"'], None)


def inhibition() -> dict[str, float]:
    """Return what it costs to decide on an alert among 100 inhibition rules and 10,000 open alerts.

    A decision on a change is all of it: the alert opens (which other alerts does that concern?), is asked what inhibits
    it, and closes again. The usual rules concern an alert in one or two places each; 5 of 100 alerts are a source.
    `every rule`: 100 rules on the same two severities, so that each of them concerns each alert.
    """
    open_alerts = {b"open %05d" % number: opened_alert(number) for number in range(OPEN_ALERTS)}
    usual, every = Inhibitor(), Inhibitor()
    for number in range(INHIBIT_RULES):
        usual.put(inhibit_rule(number), ())
        every.put(by_severity(f"rule-{number}"), ())
    for key, subject in open_alerts.items():
        usual.opened(key, subject)
        every.opened(key, subject)

    def decision(inhibitor: Inhibitor) -> Callable[[Subject], object]:
        def decide(subject: Subject) -> object:
            affected = inhibitor.opened(b"new", subject)
            return affected, inhibitor.inhibitors(b"new"), inhibitor.closed(b"new")

        return decide

    targets = [opened_alert(number) for number in range(0, 2 * ALERTS, 2)]
    sources = [opened_alert(number) for number in range(1, 2 * ALERTS, 20)]
    others = [Subject(f"Other{number}", {"instance": f"node-{number}:9100"}, "error") for number in range(ALERTS)]
    keys = list(open_alerts)
    return {
        "a change of what no rule concerns": per_call(decision(usual), others),
        "a change, of 10,000 alerts": per_call(decision(usual), list(open_alerts.values())),
        "a change of a target": per_call(decision(usual), targets),
        "a change of a source": per_call(decision(usual), sources),
        "asking about an open alert": per_call(usual.inhibitors, keys),
        "every rule, a change of a target": per_call(decision(every), targets[:NEW]),
        "every rule, asking about an open alert": per_call(every.inhibitors, keys[:NEW]),
        "one rule, by a search": per_call(lambda a: searched(by_severity("r"), a, open_alerts), targets[:1]),
        "adding a rule": per_call(lambda _: (usual.put(by_severity("r"), open_alerts.items()), usual.remove("r")), [0]),
    }


def opened_alert(number: int) -> Subject:
    """Return an alert on some side of the bench's rules: a source one time in twenty, a target every other time."""
    labels = alert(number).fields | {"instance": f"node-{number % 2_000}:9100", "node": f"node-{number % 2_000}:9100"}
    if number % 20 == 1:
        return Subject(f"Down{number // 20 % INHIBIT_RULES}", labels | {"severity": "critical"})
    return Subject(f"Alert{number % 200}", labels | {"severity": ("warning", "error")[number % 2]})


def inhibit_rule(number: int) -> InhibitRule:
    """Return one of the usual rules: what is down hides the warnings of its node, its pod or its team."""
    down = matchers_of([f'alertname="Down{number}"', 'severity="critical"'], None)
    at_node = Source(down, (("cluster", "cluster"), ("node", "instance")))
    at_cluster = Source(matchers_of([f'alertname=~"Down{number}|Down{number - 1}"'], None), (("cluster", "cluster"),))
    kinds = (
        ((at_node,), [f'alertname="Alert{2 * number}"', 'severity=~"warning|info"']),
        ((Source(down, (("pod", "pod"),)),), [f'namespace="team-{number % 40}"', 'severity="warning"']),
        ((at_node, at_cluster), [f'pod=~"web-{number}.*"', 'severity!="critical"']),
        ((Source(down),), [f'namespace="team-{number % 40}"', f'alertname=~"Alert{number}|Alert{number + 40}"']),
    )
    sources, target = kinds[number % len(kinds)]
    return InhibitRule(RuleRef("inhibit_rule", f"rule-{number}", 1), sources, matchers_of(target, None))


def by_severity(rule_id: str) -> InhibitRule:
    """Return the rule of every Alertmanager's documentation: what is critical hides the warnings of its cluster."""
    critical = Source(matchers_of(['severity="critical"'], None), (("cluster", "cluster"), ("instance", "instance")))
    return InhibitRule(RuleRef("inhibit_rule", rule_id, 1), (critical,), matchers_of(['severity="warning"'], None))


def searched(rule: InhibitRule, target: Subject, open_alerts: dict[bytes, Subject]) -> bytes | None:
    """Return the first source of a rule that agrees with `target`, by looking at each open alert."""
    (source,) = rule.sources
    for key, subject in open_alerts.items():
        if source.matchers.matches(subject) and all(subject.get(a) == target.get(b) for a, b in source.equal):
            return key
    return None


def indexed(all_matchers: Sequence[Matchers]) -> MatchIndex[int]:
    """Return an index of silences that are called by their number."""
    index: MatchIndex[int] = MatchIndex()
    for number, matchers in enumerate(all_matchers):
        index.put(f"silence-{number}", matchers, number)
    return index


def per_call(decide: Callable[[Any], object], inputs: Sequence[object], rounds: int = ROUNDS) -> float:
    """Return the microseconds that one call takes, over all `inputs`, in the fastest of several rounds."""
    fastest = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for one in inputs:
            decide(one)
        fastest = min(fastest, time.process_time() - started)
    return fastest / len(inputs) * 1e6


if __name__ == "__main__":
    main()
