from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.suppress.defaults import Defaults
from pipeline.backtest.rule_preview import beginning, read_rule, with_rule
from pipeline.backtest.run import Backtest, Rules
from pipeline.domain.alert import Periods
from pipeline.domain.errors import ConfigurationError
from pipeline.domain.tenants import TenantPolicy
from pipeline.replay_control import ControlInput, ControlLog
from tests.replay_scenes import MINUTE, T0, line, ruled, silence

if TYPE_CHECKING:
    from pathlib import Path

FUTURE = """\
kind: silence
id: no-HighCPU
tenant: acme
comment: to be
spec: {matchers: [alertname=HighCPU], starts_at: 2031-01-01T00:00:00Z, ends_at: 2031-01-02T00:00:00Z}
"""
WEEKLY = """\
kind: maintenance_window
id: weekly
tenant: acme
comment: to be
spec:
  matchers: [alertname=HighCPU]
  recurs: {rrule: FREQ=WEEKLY, start: "02:00", duration: 1h, time_zone: UTC, from: 2026-01-08}
"""
INHIBIT = """\
kind: inhibit_rule
id: down
tenant: acme
comment: to be
spec: {source_matchers: [alertname=Down], target_matchers: [alertname=HighCPU]}
"""


def hidden(
    tmp_path: Path, rule: str, *control: ControlInput, as_if_active: bool = True, policy: TenantPolicy | None = None
) -> dict[str, int]:
    """Return how many changes more each rule hides of one alert that opens an hour after Down."""
    file = tmp_path / "rule.yml"
    file.write_text(rule)
    off = Defaults.switched_off()
    now = Rules(ControlLog(control), Defaults(off.storm, off.flap, policy or off.tenant))
    run = Backtest(Periods(), now, with_rule(now, read_rule(file), active_around=T0 if as_if_active else None))
    for one in (line(1, 0, "Down", ends_at="2026-01-02T00:00:00Z"), line(2, 60)):
        run.take(one)
    found = run.finish()
    assert found.candidate.dead_letters == {}
    return {name: count.changes for name, count in found.hidden.by_rule.items()}


def test_a_silence_to_come_is_taken_as_if_it_were_active_all_the_time(tmp_path: Path) -> None:
    assert hidden(tmp_path, FUTURE) == {"silence:no-HighCPU": 1}


def test_as_it_is_scheduled_it_hides_what_it_would_have_at_that_time(tmp_path: Path) -> None:
    assert hidden(tmp_path, FUTURE, as_if_active=False) == {}
    assert hidden(tmp_path, FUTURE.replace("2031-01-01", "2026-01-01"), as_if_active=False) == {"silence:no-HighCPU": 1}


def test_a_window_that_recurs_is_taken_as_if_it_were_on_all_the_time(tmp_path: Path) -> None:
    assert hidden(tmp_path, WEEKLY) == {"maintenance:weekly": 1}


def test_an_inhibit_rule_is_taken_as_it_is(tmp_path: Path) -> None:
    assert hidden(tmp_path, INHIBIT) == {"inhibition:down": 1}


def test_how_long_a_silence_may_be_does_not_matter_to_its_preview(tmp_path: Path) -> None:
    limited: dict[str, Any] = {"max_silence": "30d", "always_pass": ["Watchdog"]}
    assert hidden(tmp_path, FUTURE, ruled("tenant", "acme", limited)) == {"silence:no-HighCPU": 1}
    assert hidden(tmp_path, FUTURE, policy=TenantPolicy(max_silence=1)) == {"silence:no-HighCPU": 1}


def test_a_rule_takes_the_place_of_the_one_with_its_id(tmp_path: Path) -> None:
    deleted = ruled("silence", "no-HighCPU", None, 30, version=9)
    narrower = FUTURE.replace("HighCPU]", "HighCPU, host=a]")
    assert hidden(tmp_path, narrower, silence(), deleted) == {}
    assert hidden(tmp_path, FUTURE, deleted) == {"silence:no-HighCPU": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"it has none\. To compare more than one rule"),
        (FUTURE + "---\n" + INHIBIT, "it has acme/silence/no-HighCPU, acme/inhibit_rule/down"),
        ("kind: storm_policy\nid: x\ntenant: acme\ncomment: c\nspec: {}\n", "it has acme/storm_policy/x"),
        (FUTURE.replace("tenant: acme\n", ""), r"rule\.yml:1: tenant is missing"),
    ],
)
def test_what_is_not_one_rule_that_hides_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "rule.yml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        read_rule(file)


def test_looking_for_the_first_time_takes_no_line_away() -> None:
    lines = [line(1, 0)._replace(timestamp=None), line(2, 5), line(3, 9)]
    at, again = beginning(iter(lines))
    assert (at, [*again]) == (T0 + 5 * MINUTE, lines)
    at, again = beginning(iter(lines[:1]))
    assert (at, [*again]) == (None, lines[:1])
