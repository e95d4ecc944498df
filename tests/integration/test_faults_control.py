"""Faults that strike while rules come and timers are in flight: no rule lost, no timer missed or fired twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.harness import faults, state_faults
from tests.integration.harness.control_faults import struck_with_rules
from tests.integration.harness.control_story import BY_TIME, hidden_by
from tests.integration.harness.scene import GUARANTEES, Guarantee, Scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.dev.broker import Broker
    from tests.integration.harness.faults import Fault

pytestmark = pytest.mark.integration

FAULTS: dict[str, tuple[Callable[[Broker], Fault], int]] = {
    "kill": (lambda broker: faults.KILL, 2),
    "terminate": (lambda broker: faults.TERMINATE, 1),
    "one-two-three-one": (lambda broker: faults.ONE_TWO_THREE_ONE, 1),
    "suspend": (lambda broker: faults.SUSPEND, 1),
    "broker": (state_faults.broker_killed, 1),
    "delete": (lambda broker: state_faults.DELETE, 1),
}
"""Each fault, and how often it strikes."""
LONG = ("one-two-three-one", "suspend", "broker")
"""Those that wait for a session to end, or for a broker."""
HIDE = {"silence", "maintenance", "inhibition", "flapping", "storm", "throttle"}


@pytest.mark.parametrize("guarantee", GUARANTEES)
@pytest.mark.parametrize("name", [pytest.param(one, marks=pytest.mark.faults if one in LONG else ()) for one in FAULTS])
def test_whatever_strikes_while_rules_come_no_rule_is_lost_and_no_timer_missed_or_fired_twice(
    own_broker: Broker, tmp_path: Path, name: str, guarantee: Guarantee
) -> None:
    fault_on, rounds = FAULTS[name]
    with Scene(own_broker.bootstrap, tmp_path, guarantee) as scene:
        verdict = struck_with_rules(scene, fault_on(own_broker), seed=11, rounds=rounds)
        # A clean stop repeats nothing, whatever the guarantee.
        assert verdict.faults(exactly_once=scene.exactly_once or name == "terminate") == {}
        told = verdict.told
        assert told["suppressed"] + told["suppressed" + BY_TIME] > 20, "next to nothing was hidden"
        assert set(hidden_by(scene)) == HIDE, "something hid nothing"
