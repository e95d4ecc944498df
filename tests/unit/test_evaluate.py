"""`core-alerts evaluate`: labelled alerts and series through the pipeline, and what that is worth."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from pipeline.commands.program import program
from pipeline.domain.timestamps import to_text
from pipeline.evaluation import baselines, labelled
from pipeline.evaluation.labelled import Truth, read_alerts, read_topology
from pipeline.evaluation.predictions import Pipeline, tenants_of
from tests.step_driver import MINUTE, SECOND, T0

if TYPE_CHECKING:
    from pathlib import Path


def alert(at: int, name: str, host: str, truth: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    extra = {} if truth is None else {"extra": {"truth": truth, "kept": 1}}
    return {
        "tenant_id": "acme",
        "name": name,
        "labels": {"host": host},
        "starts_at": to_text(at),
        "ends_at": to_text(at + 5 * MINUTE),
        **extra,
        **fields,
    }


def labelled_set(folder: Path, *, count: int = 3) -> Path:
    """Write `count` faults an hour apart, each of three alerts on a host of its own, and noise between them."""
    folder.mkdir(exist_ok=True)
    lines = []
    for fault in range(count):
        begin = T0 + fault * 60 * MINUTE
        truth = {"incident": f"f{fault}", "wanted": True, "step": f"step-{fault}", "root_cause": f"h{fault}"}
        for place, name in enumerate(("HighCPU", "HighLatency", "Errors")):
            lines.append(alert(begin + place * SECOND, name, f"h{fault}", truth))
        noise = {"incident": None, "wanted": False, "step": None, "root_cause": None}
        lines.append(alert(begin + 30 * MINUTE, "Backup", "backup-1", noise))
    (folder / "alerts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


def run(*arguments: str) -> Any:
    return CliRunner().invoke(program, ["evaluate", *arguments])


def test_a_set_is_measured_with_baselines_and_its_predictions_are_written_line_by_line(tmp_path: Path) -> None:
    folder = labelled_set(tmp_path / "set")
    result = run(str(folder), "--json", "--predictions", str(tmp_path / "said.jsonl"))
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    rows = {(row["need"], row["measure"], row["baseline"]): row for row in report["rows"]}
    macro = rows["correlation", "macro F1, noise counted", "2 s gap per place"]
    assert (report["alerts"], macro["value"], macro["units"]) == (12, 1.0, 3)
    assert macro["interval"][0] <= macro["value"] <= macro["interval"][1]
    assert ("root cause", "first of the ranking (AC@1)", "by chance") in rows
    said = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert [one["line"] for one in said] == list(range(1, 13))
    assert len({one["incident"] for one in said[:3]}) == 1
    assert said[0]["incident"] not in (said[3]["incident"], said[4]["incident"])
    assert {"verdict", "suppressed_by", "noise", "anomaly", "root_causes"} <= said[0].keys()


def test_the_truth_is_taken_out_before_anything_else_sees_an_alert(tmp_path: Path) -> None:
    alerts = list(read_alerts(labelled_set(tmp_path / "set")))
    assert all(b"truth" not in (one.line.value or b"") for one in alerts)
    assert json.loads(alerts[0].line.value or b"")["extra"] == {"kept": 1}
    assert alerts[0].truth == Truth("f0", True, "step-0", "h0")


def test_a_compressed_set_is_read_as_well(tmp_path: Path) -> None:
    folder = labelled_set(tmp_path / "set")
    plain = folder / "alerts.jsonl"
    (folder / "alerts.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    wanted = list(read_alerts(folder))
    plain.unlink()
    assert list(read_alerts(folder)) == wanted


def test_what_another_set_s_labels_taught_is_used_whatever_its_tenant_is_called(tmp_path: Path) -> None:
    train = tmp_path / "train"
    train.mkdir()
    noise = {"incident": None, "wanted": False}
    lines = [
        alert(
            T0 + n * 60 * MINUTE,
            "Backup",
            "backup-1",
            noise,
            tenant_id="globex",
            ends_at=to_text(T0 + n * 60 * MINUTE + 1),
        )
        for n in range(60)
    ]
    (train / "alerts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    said = tmp_path / "said.jsonl"
    result = run(str(labelled_set(tmp_path / "set")), "--train", str(train), "--json", "--predictions", str(said))
    assert result.exit_code == 0, result.output
    scores = [json.loads(line)["noise"] for line in said.read_text().splitlines()]
    assert scores[3] > 0.99
    assert scores[0] is None  # nobody said anything of that name


def troubles(folder: Path, days: int) -> Path:
    """Write a trouble a day: three alerts of the web server, and the database's, which is the cause, after them."""
    folder.mkdir()
    noise = {"incident": None, "wanted": False, "step": None, "root_cause": None}
    lines = [alert(T0 + days * 24 * 60 * MINUTE, "Backup", "backup-1", noise)]
    for day in range(days):
        begin = T0 + day * 24 * 60 * MINUTE
        truth = {"incident": f"t{day}", "wanted": True, "step": None, "root_cause": "db-1"}
        alerts = (("Slow", "web-1"), ("Errors", "web-1"), ("Queue", "web-1"), ("DiskFull", "db-1"))
        for place, (name, host) in enumerate(alerts):
            labels = {"host": host, "system": f"shop-{day}"}
            lines.insert(-1, alert(begin + place * SECOND, name, host, truth, labels=labels))
    (folder / "alerts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


def test_the_causes_of_another_set_s_incidents_are_learned_as_if_somebody_had_told_them(tmp_path: Path) -> None:
    train, folder = troubles(tmp_path / "train", 30), troubles(tmp_path / "set", 1)
    ranked = []
    for more in ((), ("--train", str(train))):
        said = tmp_path / "said.jsonl"
        assert run(str(folder), "--json", "--predictions", str(said), *more).exit_code == 0
        ranked.append(json.loads(said.read_text().splitlines()[0])["root_causes"])
    assert ranked == [["web-1", "db-1"], ["db-1", "web-1"]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "no extra.truth"),
        ('{"extra": {}}', "no extra.truth"),
        ('{"extra": {"truth": 3}}', "Expected `object`"),
        ("{", "truncated"),
    ],
)
def test_a_line_without_a_truth_is_told_by_its_number(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "alerts.jsonl").write_text(text + "\n")
    result = run(str(tmp_path))
    assert result.exit_code == 2
    assert "alerts.jsonl, line 1: " in str(result.exception) + result.output
    assert complaint in str(result.exception) + result.output


def test_a_folder_without_a_set_is_wrong_usage_and_says_what_belongs_there(tmp_path: Path) -> None:
    result = run(str(tmp_path))
    assert result.exit_code == 2
    assert "holds no labelled set" in str(result.exception) + result.output


@pytest.mark.parametrize(
    "text",
    [
        "nodes: [{id: a, type: Service}, b]\nedges: [{source: a, target: b, label: calls}]",
        "nodes: [{name: a, kind: Service, attributes: {x: 1}}, {id: b}]\nedges: [{from: a, to: b, type: calls}]",
        "nodes: [a, b]\nedges: [[a, b, calls]]",
    ],
)
def test_a_topology_is_read_in_any_of_its_usual_forms(tmp_path: Path, text: str) -> None:
    (tmp_path / "topology.yaml").write_text(text)
    graph = read_topology(tmp_path)
    assert graph is not None
    assert (sorted(graph.types), graph.depends_on) == (["a", "b"], {"a": ["b"]})


def test_pictures_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    result = run(str(labelled_set(tmp_path / "set")), "--json", "--pictures", str(tmp_path / "pictures"))
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["anomaly.png", "incidents.png"]


def test_series_are_measured_as_nab_does(tmp_path: Path) -> None:
    series = tmp_path / "series" / "group"
    series.mkdir(parents=True)
    rows = [
        f"2026-01-{1 + n // 288:02d} {n % 288 // 12:02d}:{n % 12 * 5:02d}:00,{50 if n in range(1500, 1510) else n % 3}"
        for n in range(2000)
    ]
    (series / "one.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    windows = {"group/one.csv": [["2026-01-06 04:00:00", "2026-01-06 06:30:00"]]}
    (tmp_path / "windows.json").write_text(json.dumps(windows))
    result = run(str(tmp_path), "--json", "--predictions", str(tmp_path / "said.jsonl"))
    assert result.exit_code == 0, result.output
    values = {(row["measure"], row["baseline"]): row["value"] for row in json.loads(result.stdout)["rows"]}
    assert values["recall over windows", "constant"] == 1.0
    said = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert (len(said), said[0]["series"], said[0]["timestamp"]) == (2000, "group/one.csv", "2026-01-01 00:00:00")
    assert any(one["detection"] for one in said[1500:1510])


def test_a_gap_groups_what_comes_soon_after_at_the_same_place() -> None:
    seen = [baselines.Glance("a", {"host": host}) for host in ("x", "y", "x", "x")]
    assert baselines.time_gap([0, 1, 2000, 4001], seen, 2000, baselines.place_of) == [1, 2, 1, 3]


def test_the_tenants_of_a_set_are_those_of_its_alerts(tmp_path: Path) -> None:
    assert tenants_of(read_alerts(labelled_set(tmp_path / "set"))) == ["acme"]
    assert labelled.is_alert_set(tmp_path / "set")
    assert Pipeline().predict([]) == []
