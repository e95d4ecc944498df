"""Faults of workers. Each puts a scene under load, does its worst, and returns how that compares with the oracle.

Which moment a fault strikes at is random, from a seed: that is the test. Nothing here waits for a fixed time
in the hope that something has happened by then.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from tests.integration.harness.scene import Scene, nobody, now_ms
from tests.integration.harness.traffic import EVERYTHING, Mix, traffic
from tests.integration.harness.worker_process import wait_for

if TYPE_CHECKING:
    from tests.integration.harness.oracle import Verdict
    from tests.integration.harness.scene import Supervisor
    from tests.integration.harness.worker_process import WorkerProcess

RATE = 2_500.0  # records a second
STEP_MS = 6  # event time between two records: the load runs through it 15 times faster than it passes
_BEFORE_MS = 3 * 3600 * 1000  # how long ago in event time a run begins
LONGEST_S = 600.0  # load for longer than that would run ahead of the wall clock
# A member without a name of its own leaves the group when it stops, and is missed only after its session.
NAMELESS = {"CORE_ALERTS_WORKER__INSTANCE_ID": ""}


def load(scene: Scene, seed: int, seconds: float = LONGEST_S, mix: Mix = EVERYTHING) -> None:
    """Start to send, for so many seconds at most; `verdict_under_load` ends it."""
    start = now_ms() - _BEFORE_MS
    scene.sender.start(traffic(seed, int(seconds * RATE), start, STEP_MS, mix), RATE)


def any_moment(rng: random.Random, low: float = 0.05, high: float = 2.0) -> None:
    """Let a random moment pass."""
    time.sleep(rng.uniform(low, high))


def seeded(seed: int) -> random.Random:
    """Return the source of the random moments."""
    return random.Random(seed)  # noqa: S311 - a moment, not a secret


def ready_worker(scene: Scene, name: str = "a", **settings: str) -> WorkerProcess:
    """Start a worker and wait until it is ready."""
    worker = scene.start_worker(name, **settings)
    worker.wait_ready()
    return worker


def verdict_under_load(scene: Scene, rng: random.Random, supervise: Supervisor = nobody) -> Verdict:
    """Let the load go on for a while after the last fault, end it, and compare; raise if it ended too early."""
    any_moment(rng, 1.0, 3.0)
    if not scene.sender.is_sending:
        raise AssertionError("the load ended before the last fault was over: the faults were not all under load")
    scene.sender.stop()
    return scene.verdict(supervise=supervise)


def kill_at_random_moments(scene: Scene, seed: int, rounds: int) -> Verdict:
    """kill -9 the only worker, again and again."""
    rng = seeded(seed)
    load(scene, seed)
    worker = ready_worker(scene)
    for _ in range(rounds):
        any_moment(rng)
        worker.kill()
        worker = scene.restart(worker)
    return verdict_under_load(scene, rng)


def terminate_under_load(scene: Scene, seed: int, rounds: int) -> Verdict:
    """SIGTERM the only worker, again and again; each time it exits with 0 within 10 seconds."""
    rng = seeded(seed)
    load(scene, seed)
    worker = ready_worker(scene)
    for _ in range(rounds):
        any_moment(rng)
        code, seconds = worker.terminate()
        scene.stopped_after.append(seconds)
        if code != 0 or seconds > 10:
            raise AssertionError(f"SIGTERM: exit code {code} after {seconds:.1f} s\n{worker.tail()}")
        worker = scene.restart(worker)
    return verdict_under_load(scene, rng)


def one_two_three_one(scene: Scene, seed: int, rounds: int) -> Verdict:
    """Add two workers under load, and take two away again: one stops, one is killed."""
    rng = seeded(seed)
    load(scene, seed)
    first = ready_worker(scene, "a", **NAMELESS)
    for _ in range(rounds):
        any_moment(rng)
        second = scene.start_worker("b", **NAMELESS)
        scene.wait_owned(first, second)
        any_moment(rng)
        third = scene.start_worker("c", **NAMELESS)
        scene.wait_owned(first, second, third)
        any_moment(rng)
        stopped_at = time.monotonic()
        second.terminate()
        third.kill()
        scene.wait_owned(first)
        scene.recovered_after.append(time.monotonic() - stopped_at)
    return verdict_under_load(scene, rng)


def suspend_until_expelled(scene: Scene, seed: int, rounds: int) -> Verdict:
    """Stop the clock for one of two workers until the other has taken over, then let it go on where it was."""
    rng = seeded(seed)
    load(scene, seed)
    for _ in range(rounds):
        zombie, heir = scene.start_worker("a", **NAMELESS), scene.start_worker("b", **NAMELESS)
        scene.wait_owned(zombie, heir)
        any_moment(rng)
        zombie.suspend()
        stopped_at = time.monotonic()
        scene.wait_owned(heir)
        scene.recovered_after.append(time.monotonic() - stopped_at)
        any_moment(rng, 0.0, 0.5)
        zombie.resume()
        settle_after_return(scene, zombie, heir)
        for worker in (zombie, heir):
            if worker.exit_code is None:
                worker.terminate()
    ready_worker(scene, "a", **NAMELESS)
    return verdict_under_load(scene, rng)


def settle_after_return(scene: Scene, zombie: WorkerProcess, heir: WorkerProcess) -> None:
    """Wait until the one that came back has joined again, or has ended because it was fenced; both are right."""

    def settled() -> bool:
        if zombie.exit_code is not None:
            return heir.exit_code is not None or len(heir.partitions) == 4
        return sorted(zombie.partitions + heir.partitions) == [0, 1, 2, 3] and zombie.is_ready() and heir.is_ready()

    wait_for("the group settled", settled, 60, lambda: f"{zombie.tail()}\n--\n{heir.tail()}")
