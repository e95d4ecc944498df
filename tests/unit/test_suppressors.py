"""How suppressors are named, and how their names are read."""

from __future__ import annotations

import pytest

from pipeline.domain.reasons import Stage
from pipeline.domain.suppressors import is_adaptive, named, parts_of


@pytest.mark.parametrize(
    ("suppressor", "stage", "rule_id"),
    [("silence:db-upgrade", "silence", "db-upgrade"), ("storm", "storm", ""), ("silence:a:b", "silence", "a:b")],
)
def test_a_suppressor_is_read_as_its_stage_and_the_id_of_its_rule(suppressor: str, stage: str, rule_id: str) -> None:
    assert parts_of(suppressor) == (stage, rule_id)
    assert is_adaptive(suppressor) is (rule_id == "")


def test_a_rule_is_read_as_it_was_named() -> None:
    assert parts_of(named(Stage.MAINTENANCE, "deploy")) == ("maintenance", "deploy")


def test_however_many_rules_there_were_no_more_than_ten_thousand_names_are_held() -> None:
    for number in range(10_100):
        parts_of(f"silence:{number}")
    assert parts_of.cache_info().currsize == 10_000
