"""The four package names are generic; in an environment of our own nobody else may have them."""

from __future__ import annotations

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["pipeline", "agents", "tables", "models"])
def test_no_installed_distribution_but_ours_owns_a_package_of_this_name(name: str) -> None:
    owners = set(packages_distributions().get(name, ["core-alerts"]))
    assert owners == {"core-alerts"}, (
        f"{owners - {'core-alerts'}} installs a top-level package {name!r} as well. Give core-alerts an environment of "
        "its own: `make setup` makes one in .venv."
    )


@pytest.mark.parametrize("name", ["pipeline", "agents", "tables", "models"])
def test_the_package_of_this_name_is_the_one_in_this_project(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve() == (ROOT / name / "__init__.py").resolve()
