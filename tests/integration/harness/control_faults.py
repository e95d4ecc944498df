"""Faults that strike while rules come and go, and timers are in flight."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from agents.ingest import RAW_TOPIC
from tests.integration.harness.control_story import judged, rules_in
from tests.integration.harness.control_traffic import ControlTraffic
from tests.integration.harness.faults import end_load, load, seeded, strike_often
from tests.integration.harness.oracle import newest_rows
from tests.integration.harness.wall_clock import one_more_each
from tests.integration.harness.worker_process import wait_for

if TYPE_CHECKING:
    from tests.integration.harness.faults import Fault
    from tests.integration.harness.oracle import Verdict
    from tests.integration.harness.scene import Scene

_RATE: Final = 600.0  # records a second: what counts here are rules and timers
_A_MOMENT_LATER: Final = 2_000  # ms of event time: whole seconds, at which timers ring, lie between


def struck_with_rules(scene: Scene, fault: Fault, seed: int, rounds: int) -> Verdict:
    """Let a fault strike under load while rules come, again and again, and return what is wrong with what came out.

    The broker has to be the scene's own: rules stay on their topic for every worker that comes after.
    """

    def supervise() -> None:
        fault.supervise(scene)

    rng = seeded(seed)
    with closing(ControlTraffic(scene, seed, load(scene, seed, rate=_RATE))) as control:
        strike_often(scene, fault, rng, rounds)
        end_load(scene, rng, 1.5)
        control.stop()
        scene.drain(supervise=supervise)
        written = control.newest()

        def missing() -> set[tuple[str, int]]:
            supervise()
            return written.items() ^ rules_in(newest_rows(scene.read(scene.changelog))).items()

        wait_for("every rule in the state", lambda: not missing(), 60, lambda: f"{sorted(missing())[:20]}")
    # Whatever is due by then has its effect now, and nothing comes after it.
    newest = max(record.timestamp for record in scene.read(RAW_TOPIC))
    scene.sender.send(one_more_each(newest + _A_MOMENT_LATER))
    scene.drain(supervise=supervise)
    scene.stop_workers()
    return judged(scene, written)
