from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.commands.context import printable
from pipeline.control.folder import read_folder
from pipeline.domain.identity_rules import Identities
from pipeline.domain.normal import Normal
from pipeline.exchange import Place, envelope
from pipeline.identity.cuts import Cut
from pipeline.identity.look_alikes import look_alikes
from pipeline.identity.report import as_json, head, yaml_lines
from pipeline.identity.sample import Recording
from pipeline.identity.suggest import suggestions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.identity.suggest import TenantSuggestions

ROOT = Path(__file__).parents[2]
RANDOM = "bcdfghjklmnpqrstvwxz2456789"
HASH = "456789bcdf"
HOUR = 3600
NOON = 1_795_413_600  # 2026-11-23T06:00:00Z, in seconds

Alert = dict[str, Any]


def at(seconds: int) -> str:
    return f"2026-11-23T{seconds // HOUR:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}Z"


def alert(name: str, labels: dict[str, str], begins: int | None = None, lasts: int = 60) -> Alert:
    told: Alert = {"tenant_id": "acme", "name": name, "labels": labels}
    return told if begins is None else {**told, "starts_at": at(begins), "ends_at": at(begins + lasts)}


def recorded(alerts: Iterable[Alert], **bounds: Any) -> Recording:
    recording = Recording(**bounds)
    for number, one in enumerate(alerts, start=1):
        recording.take(number, json.dumps(one).encode())
    return recording


def suggested(alerts: Iterable[Alert], min_reduction: float = 0.01) -> TenantSuggestions:
    (held,) = recorded(alerts).alerts.values()
    return suggestions("acme", [*held.values()], min_reduction)


def cuts(found: TenantSuggestions) -> list[str]:
    return [", ".join(map(str, one.cuts)) for one in found.rules]


def to_look_at(found: TenantSuggestions) -> list[tuple[str, str | None]]:
    return [(", ".join(map(str, one.cuts)), one.doubt) for one in found.to_look_at]


def letters(source: random.Random, alphabet: str, count: int) -> str:
    return "".join(source.choices(alphabet, k=count))


def restarts(count: int, **more: str) -> list[Alert]:
    """Return the alerts of two deployments whose pods are replaced once an hour; {r} in a label is a random text."""
    source = random.Random(7)  # noqa: S311 - the same on every run
    return [
        alert(
            "KubePodCrashLooping",
            {"pod": f"{app}-{letters(source, HASH, 10)}-{letters(source, RANDOM, 5)}", "container": app}
            | {label: text.replace("{r}", letters(source, "0123456789abcdef", 32)) for label, text in more.items()},
            turn * HOUR,
        )
        for turn in range(count)
        for app in ("cart", "checkout")
    ]


# -- what is suggested


def test_pods_that_restart_are_suggested_to_be_one_alert_each() -> None:
    found = suggested(restarts(10))
    assert cuts(found) == ["label pod without pod_hash"]
    assert (found.before, found.after) == (20, 2)
    assert found.to_look_at == []


def test_a_suggestion_says_what_it_would_bring_with_examples() -> None:
    (one,) = suggested([*restarts(10), *restarts(10)[:4], alert("Other", {"pod": "web-0"})]).rules
    assert (one.before, one.after, one.records, one.at_once) == (21, 3, 24, 1)
    assert [(example.name, example.labels, example.alerts) for example in one.examples] == [
        ("KubePodCrashLooping", {"pod": "cart-*", "container": "cart"}, 10),
        ("KubePodCrashLooping", {"pod": "checkout-*", "container": "checkout"}, 10),
    ]
    assert one.examples[0].differ["pod"] == [
        a["labels"]["pod"] for a in restarts(10) if a["labels"]["container"] == "cart"
    ]


def test_pods_of_a_stateful_set_are_not_suggested_to_be_one() -> None:
    alerts = [alert("Down", {"pod": f"postgres-{pod}"}, turn * HOUR) for turn in range(5) for pod in range(3)]
    found = suggested(alerts)
    assert found.rules == []
    assert [what for what, _ in to_look_at(found)] == ["label pod without number"]


def test_labels_that_change_together_are_one_suggestion() -> None:
    found = suggested(restarts(10, uid="{r}", request_id="r-{r}"))
    assert cuts(found) == ["label pod without pod_hash, label request_id without uuid, label uid without uuid"]
    assert (found.before, found.after) == (20, 2)


def test_a_label_that_changes_nothing_is_not_in_the_suggestion() -> None:
    assert cuts(suggested(restarts(10, team="ops", cluster="eu-1"))) == ["label pod without pod_hash"]


def test_what_merges_most_comes_first_and_the_next_counts_on_it() -> None:
    jobs = [alert("KubeJobFailed", {"job_name": f"backup-{28391040 + day * 1440}"}, day * 60) for day in range(5)]
    first, second = suggested([*restarts(10), *jobs]).rules
    assert [str(cut) for cut in first.cuts + second.cuts] == [
        "label pod without pod_hash",
        "label job_name without number",
    ]
    assert (first.before, first.after, second.before, second.after) == (25, 7, 7, 3)


@pytest.mark.parametrize(
    ("label", "values", "cut"),
    [
        ("uid", [f"0d4d4d2f-cb2c-4e6d-9d5e-0123456789{n:02x}" for n in range(9)], "label uid without uuid"),
        ("run", [f"nightly-2026-11-{n + 10}" for n in range(9)], "label run without timestamp"),
        ("replicaset", [f"cart-7d9f8b6c4{n}" for n in "456789bcd"], "label replicaset without replica_set_hash"),
        ("peer", [f"10.0.0.7:{50000 + n}" for n in range(9)], "label peer without port"),
        ("pid", [f"{31000 + n}" for n in range(9)], "label pid without number"),
        ("value", [f"93.{n}" for n in range(9)], "label value without number"),
    ],
)
def test_each_kind_is_found_by_how_values_look(label: str, values: list[str], cut: str) -> None:
    found = suggested(alert("Slow", {label: value, "job": "db"}, n * HOUR) for n, value in enumerate(values))
    assert (cuts(found), found.after) == ([cut], 1)


def test_a_reading_in_names_is_found() -> None:
    found = suggested(alert(f"Disk {70 + n}% full", {"host": "db-1"}, n * HOUR) for n in range(9))
    assert (cuts(found), found.after) == (["name without number"], 1)
    assert found.rules[0].examples[0].name == "Disk *% full"


def test_a_label_with_a_value_of_its_own_for_each_alert_is_suggested_to_be_left_out() -> None:
    words = ["amber", "birch", "cedar", "dune", "ember", "fjord"]
    alerts = [
        alert("Slow", {"trace": f"{one}/{other}", "service_name": "db"}, n * 60, lasts=30)
        for n, (one, other) in enumerate((a, b) for a in words for b in words)
    ]
    assert cuts(suggested(alerts)) == ["without label trace"]


# -- what is not


def test_hosts_are_never_suggested_to_be_one() -> None:
    alerts = [alert("HostDown", {"instance": f"10.0.{n}.7:9100"}, n * 60) for n in range(40)]
    found = suggested(alerts)
    assert found.rules == []
    assert to_look_at(found) == [("without label instance", "instance says where the trouble is")]


def test_hosts_that_have_several_alerts_each_are_not_even_to_look_at() -> None:
    alerts = [alert(name, {"instance": f"db-{n}"}) for n in range(40) for name in ("Down", "Slow", "Full")]
    found = suggested(alerts)
    assert (found.rules, found.to_look_at, found.after) == ([], [], 120)


def test_a_label_that_says_where_is_to_look_at_with_no_more_beside_it_than_it_takes() -> None:
    source = random.Random(5)  # noqa: S311 - the same on every run
    alerts = [
        alert(
            "HighErrorRate",
            {
                "pod": f"worker-{turn % 2}-{letters(source, HASH, 10)}-{letters(source, RANDOM, 5)}",
                "instance": f"10.1.{source.randrange(250)}.{turn}:8080",
            },
            turn * 60,
            lasts=30,
        )
        for turn in range(40)
    ]
    found = suggested(alerts)
    assert found.rules == []
    assert to_look_at(found) == [
        ("without label instance, label pod without pod_hash", "instance says where the trouble is")
    ]
    assert [one.after for one in found.to_look_at] == [2]


def test_what_is_open_side_by_side_is_to_look_at_and_no_rule() -> None:
    clusters = [f"0d4d4d2f-cb2c-4e6d-9d5e-0123456789{n:02x}" for n in range(4)]
    found = suggested(alert("Down", {"site": site}, n, lasts=HOUR) for n, site in enumerate(clusters))
    assert found.rules == []
    assert to_look_at(found) == [
        ("label site without uuid", "up to 4 of what it makes one were open at the same time"),
    ]


def test_small_numbers_are_to_look_at_and_no_rule() -> None:
    found = suggested(alert(f"HTTP {code}", {"job": "web"}, n * HOUR) for n, code in enumerate((404, 500, 503)))
    assert found.rules == []
    assert to_look_at(found) == [
        ("name without number", "small numbers often tell things apart: ordinals, cores, status codes")
    ]


def test_what_brings_less_than_asked_for_is_not_suggested() -> None:
    alerts = [*restarts(2), *(alert(f"Alert{chr(97 + n)}", {}) for n in range(20))]
    assert cuts(suggested(alerts, 0.08)) == ["label pod without pod_hash"]
    assert suggested(alerts, 0.09).rules == []


def test_where_there_is_nothing_to_suggest_that_is_said() -> None:
    found = suggested([alert("Down", {"job": "db"}), alert("Slow", {"job": "db"})])
    assert [*yaml_lines(found)] == [
        "# acme: nothing to suggest. No label, and no part of one or of a name, keeps enough of its 2 distinct alerts "
        "apart that are otherwise the same."
    ]


# -- what is promised is what the pipeline does


def test_the_reduction_is_that_of_the_rules_in_force() -> None:
    source = random.Random(3)  # noqa: S311 - the same on every run
    values: dict[str, Callable[[], str]] = {
        "pod": lambda: f"{source.choice(['cart', 'pay'])}-{letters(source, HASH, 9)}-{letters(source, RANDOM, 5)}",
        "uid": lambda: str(source.randrange(3)) + letters(source, "0123456789abcdef", 31),
        "peer": lambda: f"10.0.0.{source.randrange(3)}:{source.randrange(40000, 60000)}",
        "run": lambda: f"2026-11-{source.randrange(10, 30)}",
        "trace": lambda: letters(source, "aeiou", 12),
        "team": lambda: source.choice(["a", "b"]),
    }
    alerts = [
        alert(
            f"{source.choice(['Queue', 'Disk'])} at {source.randrange(100)}%",
            {label: make() for label, make in values.items() if source.random() < 0.8},
            n * 60,
            lasts=30,
        )
        for n in range(400)
    ]
    found = suggested(alerts)
    identities = Identities([one.rule for one in found.rules])
    left = {
        (name, *sorted(labels.items())) for name, labels in (identities.apply(a["name"], a["labels"]) for a in alerts)
    }
    assert 0 < found.after == len(left) < found.before == 400
    assert [one.before for one in found.rules[1:]] == [one.after for one in found.rules[:-1]]
    assert found.rules[-1].after == found.after


def test_the_yaml_is_a_control_folder(tmp_path: Path) -> None:
    found = suggested([*restarts(30, uid="{r}"), *(alert(f"Disk {n}% full", {}, n * 60) for n in range(9))])
    (tmp_path / "identity.yml").write_text("\n".join(map(printable, yaml_lines(found))), "utf-8")
    folder = read_folder(tmp_path)
    assert folder.problems == []
    rules: dict[str, Any] = {key.id: document.rule for key, document in folder.rules.items()}
    assert [(rules[one.id].drop, rules[one.id].normalise, rules[one.id].name) for one in found.rules] == [
        (one.rule.drop, one.rule.normalise, one.rule.name) for one in found.rules
    ]
    assert len(found.rules) == 2


def test_a_label_is_named_in_the_yaml_exactly_whatever_is_in_it(tmp_path: Path) -> None:
    label = "odd\u00a0label\x9b"
    found = suggested(alert("Slow", {label: f"10.0.0.7:{50000 + n}"}, n * HOUR) for n in range(9))
    (tmp_path / "identity.yml").write_text("\n".join(map(printable, yaml_lines(found))), "utf-8")
    folder = read_folder(tmp_path)
    assert folder.problems == []
    (document,) = folder.rules.values()
    assert json.loads(document.spec) == {"normalise": [{"label": label, "as": "port"}]}


def test_what_is_to_look_at_is_no_rule_until_its_lines_are_uncommented(tmp_path: Path) -> None:
    found = suggested(alert("HostDown", {"instance": f"h{n}"}) for n in range(40))
    lines = [*yaml_lines(found)]
    (tmp_path / "identity.yml").write_text("\n".join(lines), "utf-8")
    assert not read_folder(tmp_path).rules
    document = [line.removeprefix("# ") for line in lines[lines.index("# ---") :]]
    (tmp_path / "identity.yml").write_text("\n".join(document), "utf-8")
    (rule,) = read_folder(tmp_path).rules.values()
    assert json.loads(rule.spec) == {"drop": ["instance"]}


def test_the_same_recording_gives_the_same_suggestions_in_another_process() -> None:
    alerts = [*restarts(20, uid="{r}"), *(alert(f"Disk {n}% full", {"host": "a"}, n * 60) for n in range(9))]
    lines = "\n".join(map(json.dumps, alerts)).encode()
    code = "from pipeline.commands.identity import commands; commands()"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, "suggest", "-"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            input=lines,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert b"become KubePodCrashLooping" in outputs.pop()


# -- what is read


def test_alerts_with_a_fingerprint_of_their_own_are_left_out_and_counted() -> None:
    recording = recorded([alert("Down", {}), alert("Down", {}) | {"fingerprint": "f1"}])
    assert (recording.records, recording.own, recording.distinct) == (1, 1, 1)
    assert "1 records have a fingerprint of their own, which no identity rule changes." in [*head("f", recording)]


def test_what_a_worker_would_refuse_is_left_out_and_the_first_is_told() -> None:
    recording = recorded([alert("Down", {})])
    recording.take(2, b"not json")
    recording.take(3, b'{"tenant_id": "acme"}')
    recording.take(4, b'{"tenant_id": "Not A Tenant", "name": "Down"}')
    assert (recording.records, recording.refused) == (1, 3)
    assert next(line for line in head("f", recording) if "line 2" in line).startswith(
        "3 lines are no alerts, the first: "
    )


def test_a_recording_of_tail_is_read_like_plain_alerts() -> None:
    recording = Recording()
    place = Place("alerts.raw", 0, 1)
    recording.take(1, envelope(place, NOON * 1000, b"acme", [], json.dumps(alert("Down", {"a": "1"})).encode()))
    ((seen,),) = (held.values() for held in recording.alerts.values())
    assert (seen.name, seen.labels, seen.records, seen.first, seen.last) == (
        "Down",
        {"a": "1"},
        1,
        NOON * 1000,
        NOON * 1000,
    )


def test_the_order_of_labels_and_an_empty_label_make_no_other_alert() -> None:
    recording = recorded(
        [
            alert("Down", {"a": "1", "b": "2"}),
            alert("Down", {"b": "2", "a": "1"}),
            alert("Down", {"a": "1", "b": "2", "c": ""}),
        ]
    )
    assert (recording.records, recording.distinct) == (3, 1)


def test_an_alert_is_open_from_its_first_record_to_its_last() -> None:
    recording = recorded([alert("Down", {}, HOUR), alert("Down", {}, HOUR // 2), alert("Down", {})])
    (seen,) = recording.alerts["acme"].values()
    assert (seen.last or 0) - (seen.first or 0) == (HOUR // 2 + 60) * 1000


def test_tenants_are_held_apart_and_one_can_be_looked_at_alone() -> None:
    alerts = [alert("Down", {}), alert("Down", {}) | {"tenant_id": "beta"}]
    assert sorted(recorded(alerts).alerts) == ["acme", "beta"]
    only = recorded(alerts, only="beta")
    assert ([*only.alerts], only.records, dict(only.others)) == (["beta"], 1, {"acme": 1})


@pytest.mark.parametrize("bounds", [{"held": 5}, {"text": 40}])
def test_no_more_alerts_are_held_than_may_be_and_that_is_said(bounds: dict[str, int]) -> None:
    alerts = [alert("Down", {"job": f"job-{n:03}"}) for n in range(50)]
    recording = recorded([*alerts, *alerts], **bounds)
    assert 0 < recording.distinct < 10
    assert recording.records == recording.distinct * 2
    assert recording.records + recording.beyond == 100
    assert [*head("f", recording)][-1] == (
        f"Only the first {recording.distinct} distinct alerts were looked at: more are not held in memory. "
        f"{recording.beyond} records of others were left out; for their rules take a part of the file."
    )


# -- likeness


def test_names_that_look_alike_are_told_and_change_nothing() -> None:
    alerts = [alert("HighCpuLoad", {}), alert("High CPU load", {}), alert("Watchdog", {})]
    found = suggested(alerts)
    assert [tuple(pair) for pair in found.alike] == [(100, "High CPU load", "HighCpuLoad")]
    assert (found.rules, found.before, found.after) == ([], 3, 3)
    assert "# acme: names that look alike (90 or more of 100). Nothing is merged by likeness." in [*yaml_lines(found)]


def test_names_that_differ_in_numbers_only_are_not_told_as_alike() -> None:
    assert look_alikes({"log template 12": 1, "log template 13": 1}) == []


def test_only_the_most_frequent_names_are_compared() -> None:
    source = random.Random(1)  # noqa: S311 - the same on every run
    rare = {"HighCpuLoad": 1, "High CPU load": 1}
    frequent = {letters(source, "abcdefghijklmnop", 14): 2 for _ in range(2_000)}
    assert look_alikes(rare) != []
    assert not {"HighCpuLoad", "High CPU load"} & {pair.one for pair in look_alikes(frequent | rare)}


def test_the_most_alike_come_first() -> None:
    pairs = look_alikes({"KubePodNotReady": 3, "KubePodsNotReady": 2, "kube_pod_not_ready": 1})
    assert [pair.score for pair in pairs] == [100, 97, 97]


# -- for programs


def test_everything_is_there_for_a_program() -> None:
    recording = recorded(restarts(10))
    found = suggestions("acme", [*recording.alerts["acme"].values()], 0.01)
    said = json.loads(json.dumps(as_json("f.jsonl", recording, [found])))
    (tenant,) = said["tenants"]
    (rule,) = tenant["rules"]
    assert (said["records"], tenant["before"], tenant["after"]) == (20, 20, 2)
    assert rule["spec"] == {"normalise": [{"label": "pod", "as": "pod_hash"}]}
    assert rule["id"] == "suggested-pod"
    assert rule["comment"] == ("label pod without pod_hash: 20 -> 2 distinct alerts (-90.0 %) when it was suggested")


def test_a_cut_is_told_in_words() -> None:
    assert str(Cut(None, (Normal.POD_HASH, Normal.NUMBER))) == "name without pod_hash and number"
    assert str(Cut("trace")) == "without label trace"
