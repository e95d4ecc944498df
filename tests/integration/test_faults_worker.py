from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.harness.faults import kill_at_random_moments
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
        verdict = kill_at_random_moments(scene, seed=1, rounds=5)
        print(verdict, scene.recovered_after)
        assert verdict.faults(exactly_once=scene.exactly_once) == {}
