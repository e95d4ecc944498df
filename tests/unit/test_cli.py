from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pipeline.commands.program import program
from pipeline.commands.reference import CLI_PAGE, cli_markdown, command_paths, help_text
from pipeline.version import VERSION

if TYPE_CHECKING:
    from typer.testing import Result

ROOT = Path(__file__).parents[2]
GROUPS = [("kafka",), ("topics",), ("config",), ("control",), ("identity",), ("topology",)]
ASKING_KAFKA = [("tail", "alerts.raw"), ("topics", "lag"), ("topics", "create"), ("worker",), ("send", "-")]
NOBODY = "127.0.0.1:1"  # no broker ever listens there
ALERT = '{"tenant_id":"acme","name":"HighCPU","starts_at":"2026-11-23T06:00:00Z"}\n'


def run(*arguments: str | Path, stdin: str = "", **environ: str) -> Result:
    """Run a command in this process, with `environ` as its CORE_ALERTS_… variables."""
    variables = {f"CORE_ALERTS_{name}": text for name, text in environ.items()}
    return CliRunner().invoke(program, [str(one) for one in arguments], input=stdin, env=variables)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROKER", "CONFIG", "DATA_DIR", "PARTITIONS", "PROCESSING_GUARANTEE"):
        monkeypatch.delenv(f"CORE_ALERTS_{name}", raising=False)


# -- help


@pytest.mark.parametrize("path", command_paths(), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    text = help_text(path)
    assert text.startswith(f"Usage: {' '.join(['core-alerts', *path])} ")
    assert "  -h, --help" in text


@pytest.mark.parametrize("path", [path for path in command_paths() if path not in set(GROUPS)])
def test_every_command_has_an_example_of_itself(path: tuple[str, ...]) -> None:
    _, _, example = help_text(path).partition("Example:\n")
    assert f"core-alerts {' '.join(path)}".strip() in example.partition("\n\n")[0]


def test_the_reference_page_is_what_help_says() -> None:
    assert (ROOT / CLI_PAGE).read_text("utf-8") == cli_markdown(), "run: python -m pipeline.commands.reference"


def test_help_is_there_at_once() -> None:
    # What is slow to import is imported by the command that needs it: the reason for the time limit.
    code = (
        "import sys, pipeline.cli;"
        "heavy = {'faust', 'confluent_kafka', 'kafka', 'numpy', 'pydantic', 'rich'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert time.monotonic() - started < 5.0


def test_the_version_is_printed() -> None:
    assert run("--version").stdout == f"core-alerts {VERSION}\n"


# -- errors


def test_an_unknown_command_is_wrong_usage() -> None:
    result = run("frobnicate")
    assert result.exit_code == 2
    assert "No such command 'frobnicate'" in result.stderr


def test_an_unknown_agent_is_wrong_usage_and_says_which_there_are() -> None:
    result = run("worker", "--agents", "ingest,respond")
    assert (result.exit_code, result.stderr) == (
        2,
        "core-alerts: --agents: there is no agent respond. This release has: ingest, correlate.\n",
    )


def test_a_wrong_setting_is_wrong_usage_and_names_the_variable() -> None:
    result = run("kafka", "status", PARTITIONS="many")
    assert result.exit_code == 2
    assert result.stderr.startswith("core-alerts: CORE_ALERTS_PARTITIONS: ")


def test_the_file_of_settings_may_stand_before_or_after_the_command(tmp_path: Path) -> None:
    file = tmp_path / "core-alerts.yml"
    file.write_text("partitions: many\n")
    for result in (run("--config", file, "kafka", "status"), run("kafka", "status", "--config", file)):
        assert (result.exit_code, f"{file}:1: partitions" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [("tail", "alerts.raw"), ("topics", "lag"), ("topics", "create"), ("worker",), ("send", "-")],
    ids=" ".join,
)
def test_a_broker_that_does_not_answer_is_a_failure_with_its_address_and_no_traceback(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    result = run(*command, BROKER=NOBODY, DATA_DIR=str(tmp_path))
    assert result.exit_code == 1
    assert NOBODY in result.stderr
    assert "Traceback" not in result.output


# -- config check


def test_a_good_configuration_has_no_problems(tmp_path: Path) -> None:
    file = tmp_path / "core-alerts.yml"
    file.write_text("partitions: 12\n")
    result = run("config", "check", file)
    assert (result.exit_code, result.stdout) == (0, f"{file}: no problems\n")


def test_every_problem_of_a_configuration_is_a_line_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "core-alerts.yml"
    file.write_text("partitions: many\nbrokr: kafka:9092\n")
    result = run("config", "check", file)
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert [line.partition(" ")[0] for line in lines] == [f"{file}:1:", f"{file}:2:"]


def test_problems_can_be_read_by_a_program(tmp_path: Path) -> None:
    file = tmp_path / "core-alerts.yml"
    file.write_text("\npartitions: many\n")
    problems = json.loads(run("config", "check", file, "--json").stdout)
    assert [(one["file"], one["line"], one["key"]) for one in problems] == [(str(file), 2, "partitions")]


# -- kafka status and stop, where nothing runs


def test_no_broker_is_told_and_counts_as_a_failure(tmp_path: Path) -> None:
    result = run("kafka", "status", "--data-dir", tmp_path)
    assert (result.exit_code, "core-alerts kafka start" in result.stdout) == (1, True)
    assert json.loads(run("kafka", "status", "--data-dir", tmp_path, "--json").stdout)["running"] is False


def test_stopping_what_does_not_run_is_no_failure(tmp_path: Path) -> None:
    result = run("kafka", "stop", "--data-dir", tmp_path)
    assert (result.exit_code, result.stderr) == (0, f"No broker of {tmp_path} was running.\n")


# -- replay


def test_a_replay_writes_changes_to_stdout_and_counts_to_stderr() -> None:
    result = run("replay", "-", stdin=ALERT)
    assert [json.loads(line)["change"] for line in result.stdout.splitlines()] == ["opened"]
    assert result.stderr == (
        "1 alerts in, 1 changes out (opened 1); 1 to look at, 0.00 % less than came in; 1 open at the end.\n"
    )


def test_a_replay_writes_files_where_they_are_named(tmp_path: Path) -> None:
    source, out, dead, counts = (tmp_path / name for name in ("in.gz", "out", "dead", "counts"))
    source.write_bytes(gzip.compress(f"{ALERT}not json\n".encode()))
    result = run("replay", source, "--out", out, "--dead", dead, "--json-summary", counts, "--drain")
    assert (result.exit_code, result.stdout) == (0, "")
    assert [json.loads(line)["change"] for line in out.read_text().splitlines()] == ["opened", "expired"]
    assert json.loads(dead.read_text())["value"] == {"base64": "bm90IGpzb24="}
    assert json.loads(counts.read_text())["dead_letters"] == {"not_json": 1}


def test_a_replay_takes_its_periods_from_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "core-alerts.yml"
    file.write_text("ingest:\n  resolve_timeout: 10s\n")
    later = ALERT.replace("06:00:00", "06:01:00").replace("HighCPU", "Other")
    result = run("replay", "-", "--config", file, stdin=ALERT + later)
    assert [json.loads(line)["change"] for line in result.stdout.splitlines()] == ["opened", "expired", "opened"]


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    assert run("replay", tmp_path / "missing").exit_code == 2
