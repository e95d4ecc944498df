from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.harness import wall_clock
from tests.integration.harness.scene import GUARANTEES, Guarantee, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.dev.broker import Broker

pytestmark = [pytest.mark.integration, pytest.mark.faults]


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_worker_killed_while_digests_and_expiries_come_with_time_contradicts_itself_nowhere(
    broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(broker.bootstrap, tmp_path, guarantee, wall_clock.SHORT_PERIODS) as scene:
        assert wall_clock.kill_by_the_wall_clock(scene, seed=8, rounds=5) == {}


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_worker_that_was_away_for_an_hour_expires_nothing_early(
    broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(broker.bootstrap, tmp_path, guarantee, wall_clock.LONG_PERIODS) as scene:
        verdict = wall_clock.hour_of_outage(scene, seed=9, records=100_000)
        assert verdict.faults(exactly_once=scene.exactly_once) == {}
        assert min(verdict.told[change] for change in ("opened", "repeated", "expired", "reopened")) > 0
