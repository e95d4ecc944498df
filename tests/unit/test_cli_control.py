from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pipeline.commands.control import commands

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

NOBODY = "127.0.0.1:1"  # no broker ever listens there
STORM = "tenant: acme\nkind: storm_policy\nid: calm\ncomment: we are few\nspec: {floor: 50}\n"
EVERYTHING = """\
tenant: acme
kind: silence
id: quiet
comment: let me sleep
spec: {matchers: [], starts_at: 2026-11-26T10:00:00Z, ends_at: 2036-11-20T10:00:00Z}
"""


def run(*arguments: str | Path, user: str = "ada") -> Result:
    """Run a command where no broker answers."""
    environ = {"CORE_ALERTS_BROKER": NOBODY, "USER": user}
    return CliRunner().invoke(commands, [str(one) for one in arguments], env=environ)


def rules(tmp_path: Path, text: str) -> Path:
    (tmp_path / "rules.yml").write_text(text)
    return tmp_path


# -- apply


def test_everything_that_is_wrong_is_listed_and_is_wrong_usage_whoever_answers(tmp_path: Path) -> None:
    folder = rules(tmp_path, STORM.replace("floor", "flor") + "---\n" + STORM.replace("storm_policy", "storm"))
    result = run("apply", folder)
    assert (result.exit_code, result.stdout) == (2, "")
    first, second, last = result.stderr.splitlines()
    assert first == f"{folder}/rules.yml:5: spec.flor is not a field. Did you mean floor?"
    assert second.startswith(f"{folder}/rules.yml:8: kind 'storm' is no kind of rule")
    assert last == f"core-alerts: problems in {folder}: 2. Nothing was written; mend them and apply it again."


def test_what_is_wrong_can_be_read_by_a_program(tmp_path: Path) -> None:
    folder = rules(tmp_path, STORM.replace("floor", "flor"))
    result = run("apply", folder, "--json")
    assert result.exit_code == 2
    (problem,) = json.loads(result.stdout)["problems"]
    assert (problem["file"], problem["line"]) == (f"{folder}/rules.yml", 5)
    assert (problem["path"], problem["what"], problem["remedy"]) == (
        "spec.flor",
        "is not a field",
        "Did you mean floor?",
    )


def test_what_is_wrong_cannot_steer_a_terminal(tmp_path: Path) -> None:
    result = run("apply", rules(tmp_path, 'tenant: acme\nkind: "\\e[2J"\nid: x\nspec: {}\n'))
    assert result.exit_code == 2
    assert "\x1b" not in result.output


def test_somebody_has_to_make_a_change(tmp_path: Path) -> None:
    for command in (("apply", rules(tmp_path, STORM)), ("delete", "acme", "silence", "x")):
        result = run(*command, user="")
        assert (result.exit_code, result.stderr) == (
            2,
            "core-alerts: Nobody is named as the author. Give --author NAME, or set USER.\n",
        )


@pytest.mark.parametrize(
    "command",
    [("apply", "DIR"), ("apply", "DIR", "--dry-run"), ("get", "acme"), ("delete", "acme", "silence", "x")],
    ids=" ".join,
)
def test_a_broker_that_does_not_answer_is_a_failure(tmp_path: Path, command: tuple[str, ...]) -> None:
    folder = rules(tmp_path, STORM)
    result = run(*(folder if one == "DIR" else one for one in command))
    assert result.exit_code == 1
    assert NOBODY in result.stderr
    assert "Traceback" not in result.output


# -- get, delete, export


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("get", "Acme"), "'Acme' is no tenant"),
        (("get", "acme", "silense"), "Did you mean silence?"),
        (("delete", "acme", "silense", "x"), "Did you mean silence?"),
        (("export", "acme", "Globex", "--out", "DIR/new"), "'Globex' is no tenant"),
    ],
    ids=" ".join,
)
def test_what_there_cannot_be_is_wrong_usage(tmp_path: Path, command: tuple[str, ...], told: str) -> None:
    result = run(*(one.replace("DIR", str(tmp_path)) for one in command))
    assert (result.exit_code, told in result.stderr) == (2, True)


def test_an_export_wants_an_empty_folder(tmp_path: Path) -> None:
    result = run("export", "acme", "--out", rules(tmp_path, STORM))
    assert result.exit_code == 2
    assert "is not empty. Give a new folder" in result.stderr


# -- lint


def test_a_folder_without_findings_says_so(tmp_path: Path) -> None:
    result = run("lint", rules(tmp_path, STORM))
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path}: nothing found\n")


def test_errors_fail_and_have_a_place_a_code_and_a_remedy(tmp_path: Path) -> None:
    result = run("lint", rules(tmp_path, STORM + "---\n" + EVERYTHING))
    assert (result.exit_code, result.stdout) == (
        1,
        f"{tmp_path}/rules.yml:7: error CA003: acme/silence/quiet matches every alert of the tenant. "
        "Name what it is about, for example by an alertname or a team\n",
    )


def test_warnings_fail_only_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = rules(tmp_path, STORM.replace("comment: we are few\n", ""))
    assert [run("lint", folder, *more).exit_code for more in ((), ("--strict",))] == [0, 1]
    assert ": warning CA016: acme/storm_policy/calm has no comment. " in run("lint", folder).stdout


def test_what_cannot_be_read_is_among_the_findings(tmp_path: Path) -> None:
    result = run("lint", rules(tmp_path, STORM.replace("floor", "flor") + "---\n" + EVERYTHING))
    assert result.exit_code == 1
    assert [line.split(": ")[1] for line in result.stdout.splitlines()] == ["error CA000", "error CA003"]


def test_findings_can_be_read_by_a_program(tmp_path: Path) -> None:
    two = STORM + "---\n" + STORM.replace("calm", "calmer")
    (one,) = json.loads(run("lint", rules(tmp_path, two), "--json").stdout)
    assert (one["file"], one["line"], one["severity"], one["code"], one["rule"]) == (
        f"{tmp_path}/rules.yml",
        7,
        "error",
        "CA015",
        "acme/storm_policy/calmer",
    )
    assert one["others"] == [f"{tmp_path}/rules.yml:1: acme/storm_policy/calm"]
    assert one["what"]
    assert one["remedy"]
