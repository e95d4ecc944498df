"""The rules that the documentation shows: nothing is wrong with them, and their own tests pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.commands.control import commands
from pipeline.control.folder import read_folder
from pipeline.schemas.control_specs import SPECS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "control"


@pytest.mark.parametrize("arguments", [("lint", "--strict"), ("test",)], ids=["lint", "test"])
def test_nothing_is_wrong_with_the_example_and_its_tests_pass(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(commands, [arguments[0], str(EXAMPLES), *arguments[1:]])
    assert result.exit_code == 0, result.output


def test_the_example_has_every_kind_of_rule_and_a_test() -> None:
    folder = read_folder(EXAMPLES)
    assert (folder.problems, folder.tenants) == ([], ["acme"])
    assert {key.kind for key in folder.rules} == {*SPECS}
    assert folder.tests


def test_what_the_guide_shows_of_the_example_is_the_example() -> None:
    guide = (ROOT / "docs" / "suppression.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", guide, flags=re.DOTALL)
    files = "".join(path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.rglob("*.yml")))
    assert blocks
    assert [block for block in blocks if block not in files] == []
