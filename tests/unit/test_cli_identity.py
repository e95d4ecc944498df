from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from pipeline.commands import identity
from pipeline.commands.context import Commands
from pipeline.control.folder import read_folder

if TYPE_CHECKING:
    from typer.testing import Result

SAMPLE = Path(__file__).parents[2] / "pipeline/dev/sample/fault_alerts.jsonl.gz"


def alerts(tenant: str = "acme", name: str = "Down") -> str:
    return "".join(
        json.dumps({"tenant_id": tenant, "name": name, "labels": {"pod": f"cart-7d9f8b6c4d-{own}"}}) + "\n"
        for own in ("x2x9z", "q8w5r", "zt4x2")
    )


def run(*arguments: str | Path, stdin: str = "") -> Result:
    program = typer.Typer(cls=Commands)
    program.add_typer(identity.commands, name="identity")
    return CliRunner().invoke(program, ["identity", "suggest", *map(str, arguments)], input=stdin)


def test_suggestions_are_yaml_with_what_they_would_bring_as_comments() -> None:
    result = run("-", stdin=alerts())
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        result.stdout
        == """\
# -: 3 records of 3 distinct alerts, 1 tenant.
# acme: 1 rule, 3 -> 1 distinct alerts (-66.7 %).
---
# 3 -> 1 distinct alerts (-66.7 %): 3 records are of alerts that become one.
#   3 become Down {pod="cart-*"}
#     pod: cart-7d9f8b6c4d-x2x9z, cart-7d9f8b6c4d-q8w5r, cart-7d9f8b6c4d-zt4x2
tenant: acme
kind: identity_rule
id: suggested-pod
comment: 'label pod without pod_hash: 3 -> 1 distinct alerts (-66.7 %) when it was suggested'
spec:
  normalise:
    - label: pod
      as: pod_hash
"""
    )


def test_the_yaml_goes_to_a_file_that_is_a_control_folder_s(tmp_path: Path) -> None:
    source, out = tmp_path / "alerts.jsonl.gz", tmp_path / "control" / "identity.yml"
    source.write_bytes(gzip.compress((alerts() + alerts("beta")).encode()))
    out.parent.mkdir()
    result = run(source, "--out", out)
    assert result.stdout.splitlines()[1:] == [
        "acme: 1 rule, 3 -> 1 distinct alerts (-66.7 %).",
        "beta: 1 rule, 3 -> 1 distinct alerts (-66.7 %).",
    ]
    folder = read_folder(out.parent)
    assert (folder.problems, folder.tenants) == ([], ["acme", "beta"])


def test_no_file_is_written_where_there_is_nothing_to_suggest(tmp_path: Path) -> None:
    out = tmp_path / "identity.yml"
    result = run("-", "--out", out, stdin='{"tenant_id": "acme", "name": "Down"}\n')
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        "acme: nothing to suggest. No label, and no part of one or of a name, keeps enough of its 1 distinct alerts "
        "apart that are otherwise the same.",
        f"{out} was not written.",
    ]
    assert not out.exists()


def test_suggestions_can_be_read_by_a_program(tmp_path: Path) -> None:
    result = run("-", "--json", "--out", tmp_path / "identity.yml", stdin=alerts())
    (tenant,) = json.loads(result.stdout)["tenants"]
    assert (tenant["before"], tenant["after"], len(tenant["rules"])) == (3, 1, 1)
    assert "acme: 1 rule" in result.stderr
    assert (tmp_path / "identity.yml").exists()


def test_one_tenant_can_be_looked_at_alone() -> None:
    told = json.loads(run("-", "--tenant", "beta", "--json", stdin=alerts() + alerts("beta")).stdout)
    assert [one["tenant"] for one in told["tenants"]] == ["beta"]


def test_the_least_reduction_is_in_percent() -> None:
    assert "1 rule" in run("-", "--min-reduction", "66", stdin=alerts()).stdout
    assert "nothing to suggest" in run("-", "--min-reduction", "67", stdin=alerts()).stdout


def test_a_tenant_without_alerts_is_wrong_usage_and_those_with_are_named() -> None:
    result = run("-", "--tenant", "gamma", stdin=alerts() + alerts("beta"))
    assert (result.exit_code, result.stderr) == (
        2,
        "core-alerts: - has no alerts of tenant gamma. It has: acme, beta.\n",
    )


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "- has no alerts. Give JSON lines of alerts.raw."),
        ("oops\n", "- has no alerts. Give JSON lines of alerts.raw. The first line that is none: line 1: not_json: "),
        (
            '{"tenant_id": "acme", "name": "Down", "fingerprint": "f1"}\n',
            "all 1 records of - have a fingerprint of their own: no identity rule changes who they are.",
        ),
    ],
)
def test_a_file_with_nothing_to_look_at_is_wrong_usage(stdin: str, said: str) -> None:
    result = run("-", stdin=stdin)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"core-alerts: {said}")


def test_an_alert_cannot_steer_the_terminal_nor_add_to_the_yaml() -> None:
    result = run("-", stdin=alerts(name="Down\n---\ntenant: evil\x1b[2J\x9b"))
    assert all(line.isprintable() for line in result.stdout.splitlines())
    assert "tenant: evil" not in result.stdout.splitlines()
    assert result.stdout.count("\n---\n") == 1


def test_the_bundled_sample_has_nothing_to_suggest_without_a_doubt() -> None:
    told = json.loads(run(SAMPLE, "--json").stdout)
    assert [(one["tenant"], one["rules"]) for one in told["tenants"]] == [("micross", []), ("online-boutique", [])]
    doubts = {rule["doubt"] for one in told["tenants"] for rule in one["to_look_at"]}
    assert doubts == {"small numbers often tell things apart: ordinals, cores, status codes"}
