from __future__ import annotations

import io
import json
import socket
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from bench.machine import ROOT, cpu_model, machine_facts, said, usable_cores
from bench.report import bar_chart, line_chart, print_table, shown, write_result

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n"


def test_a_result_is_written_with_the_facts_of_the_machine(tmp_path: Path) -> None:
    path = write_result("storm", {"alerts_per_s": 207_000.5}, results=tmp_path / "results")
    document = json.loads(path.read_text())
    assert path.name == "storm.json"
    assert (document["bench"], document["alerts_per_s"]) == ("storm", 207_000.5)
    assert document["machine"]["cores"] == usable_cores()
    assert document["machine"]["libraries"]["faust-streaming"] == "0.15.3"
    assert document["machine"]["kafka"].startswith("4.1")


def test_no_fact_names_the_machine_or_the_checkout() -> None:
    facts = machine_facts()
    assert socket.gethostname() not in json.dumps(facts).split('"')
    assert str(ROOT) not in json.dumps(facts)


def test_a_figure_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_result("storm", {"alerts_per_s": float("nan")}, results=tmp_path)


def test_a_machine_without_cpuinfo_still_has_a_processor(tmp_path: Path) -> None:
    assert cpu_model(tmp_path / "none") != ""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast 9000\n")
    assert cpu_model(cpuinfo) == "Fast 9000"


def test_a_command_that_is_missing_says_nothing() -> None:
    assert said("no-such-command-anywhere") == ""


def test_a_table_shows_three_significant_digits_and_a_dash_for_nothing() -> None:
    screen = io.StringIO()
    rows = [["ours", 207_431.26, 0.0123456], ["peer", 98_000, None]]
    print_table("Storm", ["who", "alerts/s", "share"], rows, console=Console(file=screen, width=80))
    printed = screen.getvalue()
    for text in ("Storm", "who", "207,431", "0.0123", "98,000", "-"):
        assert text in printed


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (1234, "1,234"),
        (1234.5, "1,234"),
        (-1234.5, "-1,234"),
        (12.345, "12.3"),
        (0.5, "0.5"),
        (True, "True"),
        ("p99", "p99"),
        (None, "-"),
    ],
)
def test_a_cell_is_shown_as_a_reader_wants_it(cell: object, text: str) -> None:
    assert shown(cell) == text


def test_bars_and_lines_are_drawn_and_the_same_data_gives_the_same_picture(tmp_path: Path) -> None:
    pictures = [
        bar_chart("bars", "Storm", {"ours": 200_000, "peer": 80_000}, unit="alerts/s", results=tmp_path / folder)
        for folder in ("one", "two")
    ]
    assert pictures[0].read_bytes().startswith(PNG)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    points = [(1_000.0, 200_000.0), (1_000_000.0, 190_000.0)]
    line = line_chart("line", "Growth", {"a": points}, x="open alerts", y="alerts/s", log_x=True, results=tmp_path)
    assert line.read_bytes().startswith(PNG)
