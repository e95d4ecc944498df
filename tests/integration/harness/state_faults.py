"""Faults of the local state, and of the broker underneath everything."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING, Final

from pipeline.dev.broker import start
from tests.integration.harness.faults import Fault, any_moment, load, ready_worker, seeded, verdict_under_load
from tests.integration.harness.worker_process import wait_for

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from pipeline.dev.broker import Broker
    from tests.integration.harness.oracle import Verdict
    from tests.integration.harness.scene import Scene
    from tests.integration.harness.worker_process import WorkerProcess

# What a RocksDB folder consists of: sorted tables, the log, the list of files, the pointer to it, options.
FILES = ("*.sst", "MANIFEST-*", "CURRENT", "OPTIONS-*", "IDENTITY", "*.json")
DAMAGED = "the local state was damaged and has been wiped; it is being restored from its changelog"


def delete_state(scene: Scene, worker: WorkerProcess, rng: random.Random) -> WorkerProcess:
    """kill -9 the worker and delete all that it had on disk."""
    worker.kill()
    shutil.rmtree(worker.data_dir)
    return scene.restart(worker)


DELETE: Final = Fault(delete_state)


def flip_a_byte(scene: Scene, seed: int, pattern: str, rounds: int) -> Verdict:
    """kill -9 the worker and change one byte in one file of each partition's store."""
    rng = seeded(seed)
    load(scene, seed)
    ready_worker(scene)
    for _ in range(rounds):
        any_moment(rng)
        scene.workers[-1].terminate()  # what is in memory goes into a table when a store is closed
        restart_supervised(scene)
        any_moment(rng)
        scene.workers[-1].kill()
        for store in sorted(path for path in (scene.workers[-1].data_dir / "state").iterdir() if path.is_dir()):
            files = [path for path in sorted(store.glob(pattern)) if path.stat().st_size]
            if files:
                flip(rng.choice(files), rng)
                scene.damaged += 1
        restart_supervised(scene)
    # Damage that no row is read from, such as in a filter, shows when a look-up meets it: the worker then stops.
    verdict = verdict_under_load(scene, rng, lambda: supervise(scene))
    scene.noticed = sum(len(worker.events(DAMAGED)) for worker in scene.workers)
    return verdict


def restart_supervised(scene: Scene) -> None:
    """Start the worker again, and again if it ends, until it is ready."""
    fallen_at = time.monotonic()
    scene.start_worker(scene.workers[-1].name)

    def ready() -> bool:
        supervise(scene)
        return scene.workers[-1].get("/readyz")[0] == 200

    wait_for("a worker to be ready again", ready, 60, scene.workers[-1].tail)
    scene.recovered_after.append(time.monotonic() - fallen_at)


def flip(path: Path, rng: random.Random) -> None:
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
    path.write_bytes(content)


def broker_killed(broker: Broker) -> Fault:
    """kill -9 the broker, start it again on what it left, and start workers that gave up meanwhile."""

    def strike(scene: Scene, _worker: WorkerProcess, rng: random.Random) -> WorkerProcess:
        before, fallen_at = scene.committed(), time.monotonic()
        os.kill(start(broker.data_dir).pid, signal.SIGKILL)
        any_moment(rng, 0.0, 3.0)
        start(broker.data_dir)
        scene.wait_progress(before, lambda: supervise(scene))
        scene.recovered_after.append(time.monotonic() - fallen_at)
        return scene.workers[-1]

    return Fault(strike, supervise=supervise)


def supervise(scene: Scene) -> None:
    """Do what a supervisor does: start a worker again that has ended."""
    if scene.workers[-1].exit_code is not None:
        scene.restarts += 1
        scene.start_worker(scene.workers[-1].name)
