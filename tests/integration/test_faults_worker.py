from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.harness import faults
from tests.integration.harness.scene import GUARANTEES, Guarantee, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_worker_killed_at_random_moments_loses_and_repeats_nothing(
    broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(broker.bootstrap, tmp_path, guarantee) as scene:
        verdict = faults.struck(scene, faults.KILL, seed=1, rounds=5)
        assert verdict.faults(exactly_once=scene.exactly_once) == {}


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_worker_told_to_stop_under_load_leaves_within_ten_seconds_and_nothing_behind(
    broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(broker.bootstrap, tmp_path, guarantee) as scene:
        verdict = faults.struck(scene, faults.TERMINATE, seed=2, rounds=3)
        assert verdict.faults(exactly_once=True) == {}  # a clean stop repeats nothing, whatever the guarantee


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_workers_that_come_and_go_under_load_hand_over_without_loss(
    broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(broker.bootstrap, tmp_path, guarantee) as scene:
        verdict = faults.struck(scene, faults.ONE_TWO_THREE_ONE, seed=3, rounds=1)
        assert verdict.faults(exactly_once=scene.exactly_once) == {}


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_worker_that_comes_back_after_it_was_expelled_does_no_harm(
    broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(broker.bootstrap, tmp_path, guarantee) as scene:
        verdict = faults.struck(scene, faults.SUSPEND, seed=4, rounds=1)
        assert verdict.faults(exactly_once=scene.exactly_once) == {}
