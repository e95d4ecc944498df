"""Faults of workers, and the load that they strike under.

Which moment a fault strikes at is random, from a seed: that is the test. Nothing here waits for a fixed time
in the hope that something has happened by then.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tests.integration.harness.scene import Scene, nobody, now_ms
from tests.integration.harness.traffic import EVERYTHING, Mix, traffic
from tests.integration.harness.worker_process import WorkerProcess, wait_for

if TYPE_CHECKING:
    from tests.integration.harness.oracle import Verdict
    from tests.integration.harness.scene import Supervisor

RATE = 2_500.0  # records a second
STEP_MS = 6  # event time between two records: the load runs through it 15 times faster than it passes
_BEFORE_MS = 3 * 3600 * 1000  # how long ago in event time a run begins
LONGEST_S = 600.0  # load for longer than that would run ahead of the wall clock
# A member without a name of its own leaves the group when it stops, and is missed only after its session.
NAMELESS: Final = MappingProxyType({"CORE_ALERTS_WORKER__INSTANCE_ID": ""})

Strike = Callable[[Scene, WorkerProcess, random.Random], WorkerProcess]
"""What happens to a ready worker; returns the one that is ready afterwards."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that strikes under load, as often as one likes."""

    strike: Strike
    first: Mapping[str, str] = field(default_factory=dict)
    """Settings of the worker that is there before."""
    supervise: Callable[[Scene], object] = lambda scene: None
    """What is done about workers that end by themselves."""


def load(
    scene: Scene, seed: int, seconds: float = LONGEST_S, mix: Mix = EVERYTHING, rate: float = RATE
) -> Callable[[], int]:
    """Start to send, for so many seconds at most; `end_load` ends it. Return what tells the time in it.

    However few records a second come, event time passes as fast.
    """
    start, step_ms = now_ms() - _BEFORE_MS, STEP_MS * RATE / rate
    scene.sender.start(traffic(seed, int(seconds * rate), start, step_ms, mix), rate)
    return lambda: start + int(scene.sender.sent * step_ms)


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


def struck(scene: Scene, fault: Fault, seed: int, rounds: int) -> Verdict:
    """Let a fault strike under load, again and again, and return how what came out compares with the oracle."""
    rng = seeded(seed)
    load(scene, seed)
    strike_often(scene, fault, rng, rounds)
    return verdict_under_load(scene, rng, lambda: fault.supervise(scene))


def strike_often(scene: Scene, fault: Fault, rng: random.Random, rounds: int) -> None:
    """Start a worker, and let a fault strike it and whoever takes its place, each at a random moment."""
    worker = ready_worker(scene, **fault.first)
    for _ in range(rounds):
        any_moment(rng)
        worker = fault.strike(scene, worker, rng)


def end_load(scene: Scene, rng: random.Random, at_most: float = 3.0) -> None:
    """Let the load go on for a second or more after the last fault, and end it; raise if it ended too early."""
    any_moment(rng, 1.0, at_most)
    if not scene.sender.is_sending:
        raise AssertionError("the load ended before the last fault was over: the faults were not all under load")
    scene.sender.stop()


def verdict_under_load(scene: Scene, rng: random.Random, supervise: Supervisor = nobody) -> Verdict:
    """End the load a while after the last fault, and compare."""
    end_load(scene, rng)
    return scene.verdict(supervise=supervise)


def kill(scene: Scene, worker: WorkerProcess, rng: random.Random) -> WorkerProcess:
    """kill -9 the only worker, and start it again."""
    worker.kill()
    return scene.restart(worker)


def terminate(scene: Scene, worker: WorkerProcess, rng: random.Random) -> WorkerProcess:
    """SIGTERM the only worker, which exits with 0 within 10 seconds, and start it again."""
    code, seconds = worker.terminate()
    scene.stopped_after.append(seconds)
    if code != 0 or seconds > 10:
        raise AssertionError(f"SIGTERM: exit code {code} after {seconds:.1f} s\n{worker.tail()}")
    return scene.restart(worker)


def two_come_and_go(scene: Scene, first: WorkerProcess, rng: random.Random) -> WorkerProcess:
    """Add two workers, and take two away again: one stops, one is killed."""
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
    return first


def suspend_until_expelled(scene: Scene, zombie: WorkerProcess, rng: random.Random) -> WorkerProcess:
    """Stop the clock for one of two workers until the other has taken over, then let it go on where it was."""
    heir = scene.start_worker("b", **NAMELESS)
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
    return ready_worker(scene, "a", **NAMELESS)


def settle_after_return(scene: Scene, zombie: WorkerProcess, heir: WorkerProcess) -> None:
    """Wait until the one that came back has joined again, or has ended because it was fenced; both are right."""

    def settled() -> bool:
        if zombie.exit_code is not None:
            return heir.exit_code is not None or len(heir.partitions) == 4
        return sorted(zombie.partitions + heir.partitions) == [0, 1, 2, 3] and zombie.is_ready() and heir.is_ready()

    wait_for("the group settled", settled, 60, lambda: f"{zombie.tail()}\n--\n{heir.tail()}")


KILL: Final = Fault(kill)
TERMINATE: Final = Fault(terminate)
ONE_TWO_THREE_ONE: Final = Fault(two_come_and_go, NAMELESS)
SUSPEND: Final = Fault(suspend_until_expelled, NAMELESS)
