"""The faults themselves. Each takes a scene under load and leaves it with at least one worker that runs."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from tests.integration.harness.scene import Scene, now_ms
from tests.integration.harness.traffic import Mix, traffic

if TYPE_CHECKING:
    from tests.integration.harness.oracle import Verdict

RATE = 2_500.0  # records a second
STEP_MS = 6  # event time between two records: the load runs through it 15 times faster than it passes
_BEFORE_MS = 3 * 3600 * 1000  # how long ago in event time a run begins


def load(scene: Scene, seed: int, seconds: float, mix: Mix = Mix()) -> None:
    """Start to send for so many seconds."""
    start = now_ms() - _BEFORE_MS
    scene.sender.start(traffic(seed, int(seconds * RATE), start, STEP_MS, mix), RATE)


def pause(rng: random.Random, low: float, high: float) -> None:
    """Let a random moment pass: which moment it is, is the test."""
    time.sleep(rng.uniform(low, high))


def kill_at_random_moments(scene: Scene, seed: int, rounds: int) -> Verdict:
    """kill -9 the only worker, again and again."""
    rng = random.Random(seed)  # noqa: S311 - a moment, not a secret
    load(scene, seed, seconds=rounds * 4.0)
    worker = scene.start_worker()
    worker.wait_ready()
    for _ in range(rounds):
        pause(rng, 0.05, 2.0)
        worker.kill()
        worker = scene.restart(worker)
    return scene.verdict()
