from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from bench.make_sample import SOURCE, as_lines, convert, main
from pipeline.dev.playback import SAMPLE, read_episodes, record_count, recorded_day

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1000
FAULT_START, FAULT_END = 1_647_736_751, 1_647_737_291

LABELS = {
    "fault_id": "0",
    "fault_entity": "cartservice",
    "fault_type": "container network latency",
    "fault_st_time": str(FAULT_START),
    "fault_ed_time": str(FAULT_END),
}
COPY = LABELS | {"fault_id": "1", "augmented": "True"}
LATER = LABELS | {"fault_id": "2", "fault_ed_time": str(FAULT_END + 300)}


def published(folder: Path, faults: list[dict[str, str]], **rows: list[tuple[str, list[Any]]]) -> Path:
    """Write one system the way the published set lays it out, and an empty second one."""
    for system, own_faults, own_rows in (("MicroSS", [], {}), ("Online-Boutique-cloudbed-1", faults, rows)):
        (folder / system).mkdir(parents=True)
        (folder / system / "labels.jsonl").write_text("".join(json.dumps(fault) + "\n" for fault in own_faults))
        for kind in ("metric", "trace", "log"):
            lines = (json.dumps({"fault_id": fault, "alert": raw}) + "\n" for fault, raw in own_rows.get(kind, []))
            (folder / system / f"{kind}_alerts.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode()))
    return folder


def test_a_bad_call_becomes_an_episode_of_the_callee_until_the_fault_ends(tmp_path: Path) -> None:
    call = [str(FAULT_START * SECOND + 93), "frontend-2", "cart-0", "CartService/GetCart (rpc)", "500"]
    assert convert(published(tmp_path, [LABELS], trace=[("0", call)])) == [
        {
            "tenant_id": "online-boutique",
            "name": "CartService/GetCart (rpc) 500",
            "severity": "critical",
            "status": "firing",
            "labels": {
                "entity": "cart-0",
                "caller": "frontend-2",
                "operation": "CartService/GetCart (rpc)",
                "kind": "500",
            },
            "annotations": {
                "summary": "cart-0 answers with status 500 when frontend-2 calls CartService/GetCart (rpc)"
            },
            "starts_at": "2022-03-20T00:39:11.093Z",
            "ends_at": "2022-03-20T00:48:11.000Z",
            "source": "trace",
            "extra": {
                "truth": {
                    "incident": "online-boutique-0",
                    "wanted": True,
                    "step": "container network latency",
                    "root_cause": "cartservice",
                }
            },
        }
    ]


def test_a_log_template_starts_with_its_first_line_and_takes_that_lines_level(tmp_path: Path) -> None:
    lines = [
        "2022-03-20 08:41:07.000 | severity: error, message: request error",
        "2022-03-20 08:40:05.250 | severity: error, message: request error",
    ]
    (episode,) = convert(published(tmp_path, [LABELS], log=[("0", ["frontend-0", "87", lines, 2, None])]))
    assert (episode["name"], episode["severity"]) == ("log template 87", "critical")
    assert episode["starts_at"] == "2022-03-20T00:40:05.250Z"
    assert episode["annotations"] == {
        "summary": "frontend-0 logged the unusual template 87 2 times during the fault",
        "message": "severity: error, message: request error",
    }


def test_a_metric_without_a_host_has_no_host_label(tmp_path: Path) -> None:
    metric = [str(FAULT_START * SECOND), "cartservice", None, "grpc-mrt", "up"]
    (episode,) = convert(published(tmp_path, [LABELS], metric=[("0", metric)]))
    assert episode["labels"] == {"entity": "cartservice", "metric": "grpc-mrt", "direction": "up"}
    assert episode["severity"] == "warning"


def test_a_copied_fault_is_left_out(tmp_path: Path) -> None:
    metric = [str(FAULT_START * SECOND), "cartservice", None, "grpc-mrt", "up"]
    assert convert(published(tmp_path, [COPY], metric=[("1", metric)])) == []


def test_an_episode_ends_where_the_next_of_the_same_alert_starts(tmp_path: Path) -> None:
    first = [str(FAULT_START * SECOND), "cartservice", None, "grpc-mrt", "up"]
    second = [str((FAULT_START + 60) * SECOND), *first[1:]]
    episodes = convert(published(tmp_path, [LABELS, LATER], metric=[("0", first), ("2", second)]))
    assert [(e["starts_at"], e["ends_at"]) for e in episodes] == [
        ("2022-03-20T00:39:11.000Z", "2022-03-20T00:40:11.000Z"),
        ("2022-03-20T00:40:11.000Z", "2022-03-20T00:53:11.000Z"),
    ]


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    metric = [str(FAULT_START * SECOND), "cartservice", None, "grpc-mrt", "up"]
    source = published(tmp_path / "source", [LABELS], metric=[("0", metric)])
    targets = [tmp_path / "one.jsonl.gz", tmp_path / "two.jsonl.gz"]
    for target in targets:
        main(["--source", str(source), "--target", str(target)])
    assert targets[0].read_bytes() == targets[1].read_bytes()
    assert targets[0].read_bytes()[4:8] == bytes(4), "a time in the gzip header would change with every run"


def test_the_bundled_sample_holds_what_its_page_says() -> None:
    page = (SAMPLE.parent / "README.md").read_text()
    episodes = read_episodes()
    day = recorded_day(episodes)
    for count in (len(episodes), record_count(episodes), len(day), record_count(day)):
        assert f"{count:,}" in page
    assert Counter(e.tenant_id for e in episodes) == {"micross": 5_236, "online-boutique": 18_779}
    assert record_count(day) < 300_000
    assert SAMPLE.stat().st_size < 2_000_000


def test_every_bundled_episode_is_ordered_attributed_and_of_positive_length() -> None:
    rows = [json.loads(line) for line in gzip.decompress(SAMPLE.read_bytes()).splitlines()]
    assert [row["starts_at"] for row in rows] == sorted(row["starts_at"] for row in rows)
    for row in rows:
        assert row["starts_at"] < row["ends_at"]
        assert re.fullmatch("[a-z0-9][a-z0-9-]{0,62}", row["tenant_id"])
        assert row["extra"]["truth"]["incident"].startswith(row["tenant_id"] + "-")
        assert row["extra"]["truth"]["root_cause"]


@pytest.mark.skipif(not SOURCE.is_dir(), reason="the published set is not beside the project")
def test_the_bundled_sample_is_what_the_converter_makes_of_the_published_set() -> None:
    assert gzip.decompress(SAMPLE.read_bytes()) == as_lines(convert(SOURCE))
