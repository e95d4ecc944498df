from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.harness import state_faults
from tests.integration.harness.faults import struck
from tests.integration.harness.scene import GUARANTEES, Guarantee, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration


@pytest.mark.faults
@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_broker_that_is_killed_and_comes_back_has_lost_nothing(
    own_broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(own_broker.bootstrap, tmp_path, guarantee) as scene:
        verdict = struck(scene, state_faults.broker_killed(own_broker), seed=5, rounds=1)
        assert verdict.faults(exactly_once=scene.exactly_once) == {}


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_worker_whose_local_state_was_deleted_restores_it(
    broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(broker.bootstrap, tmp_path, guarantee) as scene:
        verdict = struck(scene, state_faults.DELETE, seed=6, rounds=2)
        assert verdict.faults(exactly_once=scene.exactly_once) == {}


@pytest.mark.faults
@pytest.mark.parametrize("pattern", state_faults.FILES)
def test_a_byte_flipped_in_the_local_state_is_noticed_or_harmless(broker: Broker, tmp_path: Path, pattern: str) -> None:
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        verdict = state_faults.flip_a_byte(scene, seed=7, pattern=pattern, rounds=1)
        assert scene.damaged > 0
        assert verdict.faults(exactly_once=False) == {}
