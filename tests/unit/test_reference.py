from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.dev.reference import GENERATED
from pipeline.settings import Settings, load_settings
from pipeline.settings_catalogue import catalogue

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_checked_in_is_what_the_generator_makes(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == GENERATED[name](), "run: python -m pipeline.dev.reference"


def test_the_example_file_holds_the_defaults() -> None:
    example = ROOT / "core-alerts.example.yml"
    assert load_settings(example, {}, {}).model_copy(update={"config": None}) == Settings()


def test_every_setting_is_described() -> None:
    for setting in catalogue().values():
        assert setting.description.endswith((".", ")")), setting.key
