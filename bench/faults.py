"""The faults survived: kills, stops, damage and an outage under load, each judged by the pure pipeline.

python -m bench.faults                     # everything, about half an hour; writes bench/results
python -m bench.faults --quick             # few rounds and a small backlog, to try it out; writes nothing
python -m bench.faults --only flip         # one fault, or all kinds of it; writes nothing

What strikes, and what must come out nevertheless, is the harness of the fault tests (tests/integration/harness).
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console

from bench import report
from pipeline.dev import broker as dev_broker
from tests.integration.harness import faults, state_faults, wall_clock
from tests.integration.harness.scene import GUARANTEES, Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.dev.broker import Broker
    from tests.integration.harness.oracle import Verdict
    from tests.integration.harness.scene import Guarantee

BACKLOG = 1_000_000
QUICK_BACKLOG = 50_000
SURVIVED = "survived"
_WIDTH = 150  # of the table where no terminal has one


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: how often it strikes, and how it is made to."""

    name: str
    title: str
    rounds: int
    run: Callable[[Scene, Broker, int], Verdict]
    settings: Mapping[str, str] | None = None
    repeats: bool = True  # at_least_once may tell an output again; not so after a stop in order
    damages: bool = False  # changes files; a run in which there were none to change says nothing


@dataclass(frozen=True, slots=True)
class Row:
    """One fault under one guarantee. The counts are None where the run itself failed."""

    fault: str
    title: str
    guarantee: str
    rounds: int
    verdict: str
    took_s: float
    ready_s: float | None = None
    """Seconds from the fault until somebody was ready again, the worst of all rounds."""
    records: int | None = None
    expected: int | None = None
    lost: int | None = None
    counted_twice: int | None = None
    differing: int | None = None
    """Outputs and rows that are not the oracle's: other contents, not expected at all, or out of order."""
    repeated: int | None = None
    remark: str = ""

    @property
    def survived(self) -> bool:
        """Say whether all was as it should be."""
        return self.verdict == SURVIVED


def all_faults(*, quick: bool = False) -> list[Fault]:
    """Return every fault in the order in which they run."""

    def rounds(wanted: int) -> int:
        return min(wanted, 2) if quick else wanted

    backlog = QUICK_BACKLOG if quick else BACKLOG
    return [
        Fault(
            "kill",
            "kill -9 of the worker",
            rounds(20),
            lambda scene, _, n: faults.struck(scene, faults.KILL, 1, n),
        ),
        Fault(
            "sigterm",
            "SIGTERM to the worker",
            rounds(10),
            lambda scene, _, n: faults.struck(scene, faults.TERMINATE, 2, n),
            repeats=False,
        ),
        Fault(
            "scale",
            "workers 1→2→3→1",
            rounds(3),
            lambda scene, _, n: faults.struck(scene, faults.ONE_TWO_THREE_ONE, 3, n),
        ),
        Fault(
            "suspend",
            "worker suspended until expelled, comes back",
            rounds(3),
            lambda scene, _, n: faults.struck(scene, faults.SUSPEND, 4, n),
        ),
        Fault(
            "broker",
            "kill -9 of the broker, and its restart",
            rounds(3),
            lambda scene, broker, n: faults.struck(scene, state_faults.broker_killed(broker), 5, n),
        ),
        Fault(
            "delete",
            "kill -9, local state deleted",
            rounds(5),
            lambda scene, _, n: faults.struck(scene, state_faults.DELETE, 6, n),
        ),
        Fault(
            "outage",
            f"outage of an hour, {backlog:,} records behind",
            1,
            lambda scene, _, __: wall_clock.hour_of_outage(scene, 9, backlog),
            wall_clock.LONG_PERIODS,
        ),
        *(flip(number, pattern, rounds(2)) for number, pattern in enumerate(state_faults.FILES)),
    ]


def flip(number: int, pattern: str, rounds: int) -> Fault:
    """Return the fault of one flipped byte in a file of this kind, in the store of every partition."""
    kind = pattern.strip("*.-").lower()
    return Fault(
        f"flip-{kind}",
        f"kill -9, a byte flipped in {pattern}",
        rounds,
        lambda scene, _, n: state_faults.flip_a_byte(scene, 70 + number, pattern, n),
        damages=True,
    )


def chosen(name: str | None, *, quick: bool = False) -> list[Fault]:
    """Return the faults of that name, or of that kind: `flip` is every `flip-…`; all of them without a name."""
    return [one for one in all_faults(quick=quick) if name is None or name in (one.name, one.name.partition("-")[0])]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, report, and return 1 if anything was lost, counted twice or different."""
    asked = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that broker and workers are ended then as well
    trial = asked.quick or asked.only
    rows: list[Row] = []
    for fault in chosen(asked.only, quick=asked.quick):
        rows += [survive(fault, which) for which in GUARANTEES]
        if not trial:
            save(rows)  # what is known so far: a run is long, and one that is broken off has measured something
    print_rows(rows)
    if trial:
        print("A trial: no result was written.")
    return int(not all(row.survived for row in rows))


def parser() -> argparse.ArgumentParser:
    """Return what the command line understands."""
    names = [one.name for one in all_faults()]
    kinds = {name.partition("-")[0] for name in names} - set(names)
    made = argparse.ArgumentParser("python -m bench.faults", description=(__doc__ or "").partition("\n")[0])
    made.add_argument("--quick", action="store_true", help="few rounds and a small backlog; no result is written")
    made.add_argument(
        "--only",
        choices=[*names, *sorted(kinds)],
        metavar="NAME",
        help=f"only this fault, no result is written: {', '.join([*names, *sorted(kinds)])}",
    )
    return made


def survive(fault: Fault, guarantee: Guarantee) -> Row:
    """Let a fault strike on a broker of its own, and return what came of it; say when it begins and ends."""
    say(f"{fault.name}, {guarantee}: {fault.title}, rounds: {fault.rounds}")
    started = time.monotonic()
    try:
        with scene_of_its_own(fault, guarantee) as (scene, broker):
            verdict = fault.run(scene, broker, fault.rounds)
            row = row_of(fault, guarantee, scene, verdict, time.monotonic() - started)
        for example in () if row.survived else verdict.examples:
            print(f"    {example}", file=sys.stderr, flush=True)
    except Exception as error:  # noqa: BLE001 - that one fault could not be judged must not hide the others
        traceback.print_exc()
        first_line = str(error).partition("\n")[0]
        row = Row(
            fault.name,
            fault.title,
            guarantee,
            fault.rounds,
            f"failed: {type(error).__name__}: {first_line}",
            time.monotonic() - started,
        )
    ready = "" if row.ready_s is None else f"; ready again within {row.ready_s:.1f} s"
    say(f"{fault.name}, {guarantee}: {row.verdict} after {row.took_s:.0f} s{ready}{row.remark and '; '}{row.remark}")
    return row


@contextmanager
def scene_of_its_own(fault: Fault, guarantee: Guarantee) -> Iterator[tuple[Scene, Broker]]:
    """Start a broker that may be killed, and yield it with a scene on it; both are gone when the block ends."""
    with TemporaryDirectory(prefix="core-alerts-faults-", ignore_cleanup_errors=True) as folder:
        data_dir, workers = Path(folder) / "broker", Path(folder) / "workers"
        workers.mkdir()
        try:
            broker = dev_broker.start(data_dir)
            with Scene(broker.bootstrap, workers, guarantee, fault.settings) as scene:
                yield scene, broker
        finally:
            dev_broker.stop(data_dir)


def row_of(fault: Fault, guarantee: Guarantee, scene: Scene, verdict: Verdict, took_s: float) -> Row:
    """Return the row for a run that came to its end."""
    strict = guarantee == "exactly_once" or not fault.repeats
    wrong = [f"{name} {count}" for name, count in verdict.faults(exactly_once=strict).items() if name != "examples"]
    if fault.damages and not scene.damaged:
        wrong.append("there was no file to damage")
    return Row(
        fault.name,
        fault.title,
        guarantee,
        fault.rounds,
        ", ".join(wrong) or SURVIVED,
        took_s,
        max(scene.recovered_after, default=None),
        verdict.records,
        verdict.told.total(),
        verdict.lost,
        verdict.counted_twice,
        verdict.differing + verdict.unexpected + verdict.disordered + verdict.rows_differing,
        verdict.repeated,
        remark(scene),
    )


def remark(scene: Scene) -> str:
    """Return what else a run showed."""
    remarks = []
    if scene.stopped_after:
        remarks.append(f"exit 0 within {max(scene.stopped_after):.1f} s")
    if scene.damaged:
        remarks.append(f"{scene.damaged} files changed, {scene.noticed} stores found damaged and restored")
    if scene.restarts:
        remarks.append(f"workers that ended and were started again: {scene.restarts}")
    if scene.caught_up_after is not None:
        remarks.append(f"caught up {scene.caught_up_after:.0f} s after the start")
    return "; ".join(remarks)


def say(text: str) -> None:
    """Print a line of progress with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def print_rows(rows: Sequence[Row]) -> None:
    """Print the table."""
    columns = ["fault", "guarantee", "rounds", "records", "outputs", "lost", "twice", "differing", "repeated"]
    report.print_table(
        "Faults survived, compared with the pure pipeline",
        [*columns, "ready s", "verdict"],
        [
            [
                *(row.fault, row.guarantee, row.rounds, row.records, row.expected),
                *(row.lost, row.counted_twice, row.differing, row.repeated, row.ready_s, row.verdict),
            ]
            for row in rows
        ],
        console=Console() if sys.stdout.isatty() else Console(width=_WIDTH),
    )


def save(rows: Sequence[Row], results: Path = report.RESULTS) -> None:
    """Write the rows, and a picture of how long it took until somebody was ready again."""
    report.write_result("faults", {"faults": [asdict(row) for row in rows]}, results=results)
    slowest: dict[str, float] = {}
    for row in rows:
        if row.ready_s is not None:
            slowest[row.fault] = max(row.ready_s, slowest.get(row.fault, 0.0))
    title = "Seconds until ready again, the worst round of both guarantees"
    report.bar_chart("faults", title, slowest, unit="s", results=results)


if __name__ == "__main__":
    sys.exit(main())
