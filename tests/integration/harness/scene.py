"""One run: a group of its own, workers under load, and the comparison with the oracle at the end.

Topics are shared by all runs on a broker. A run begins where they end: its group's offsets are set there, and
its readers start there, so that no topic has to be deleted and made again between runs.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from agents.ingest import DEAD_TOPIC, ENRICHED_TOPIC, RAW_TOPIC
from pipeline.app import CORRELATE, INGEST, defaults, group_of, periods
from pipeline.app import changelog_topic as changelog_name
from pipeline.kafka_connection import KafkaConnection
from pipeline.schemas.correlated import CORRELATED_TOPIC
from pipeline.settings import load_settings
from pipeline.topic_admin import create_topics
from pipeline.topics import ALERTS_CORRELATED, ALERTS_DLQ, ALERTS_ENRICHED, ALERTS_RAW, CONTROL, changelog_topic
from tests.integration.harness.kafka_side import TIMEOUT_S, GroupOffsets, TopicReader
from tests.integration.harness.oracle import Outcome, Verdict, compare, expected, found, newest_rows
from tests.integration.harness.sender import Sender
from tests.integration.harness.traffic import PARTITIONS
from tests.integration.harness.worker_process import WorkerProcess, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Guarantee = Literal["at_least_once", "exactly_once"]
GUARANTEES: tuple[Guarantee, ...] = ("at_least_once", "exactly_once")
# Short periods, so that a few thousand records a few milliseconds apart see all of an alert's life.
EVENT_TIME = {
    "CORE_ALERTS_INGEST__CLOCK": "event",
    "CORE_ALERTS_INGEST__DIGEST_INTERVAL": "10s",
    "CORE_ALERTS_INGEST__RESOLVE_TIMEOUT": "25s",
    "CORE_ALERTS_INGEST__REOPEN_WINDOW": "40s",
    "CORE_ALERTS_INGEST__DELIVERY_WINDOW": "20s",
}
QUICK_GROUP = {
    "CORE_ALERTS_WORKER__SESSION_TIMEOUT": "6s",
    "CORE_ALERTS_WORKER__HEARTBEAT_INTERVAL": "1s",
    "CORE_ALERTS_WORKER__REBALANCE_TIMEOUT": "10s",
    "CORE_ALERTS_WORKER__REQUEST_TIMEOUT": "10s",
}


Supervisor = Callable[[], object]


def nobody() -> None:
    """Leave workers that end to themselves."""


class Scene:
    """One group at work on the shared topics."""

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        guarantee: Guarantee,
        settings: Mapping[str, str] | None = None,
        connection: KafkaConnection | None = None,
        agents: str = INGEST,
    ) -> None:
        self.agents = agents
        self.exactly_once = guarantee == "exactly_once"
        self.folder = folder
        self.workers: list[WorkerProcess] = []
        self.recovered_after: list[float] = []  # seconds from each fault until somebody was ready again
        self.stopped_after: list[float] = []  # seconds from each SIGTERM until the worker had ended
        self.caught_up_after: float | None = None  # seconds from the end of an outage until its backlog was done
        self.restarts = 0  # workers that ended by themselves and were started again
        self.damaged = 0  # files changed behind a worker's back
        self.noticed = 0  # stores found damaged
        self.repeated = 0  # outputs that appeared again
        group = f"g{uuid.uuid4().hex[:10]}"
        self.settings = {
            "CORE_ALERTS_BROKER": bootstrap,
            "CORE_ALERTS_GROUP": group,
            "CORE_ALERTS_PARTITIONS": str(PARTITIONS),
            "CORE_ALERTS_PROCESSING_GUARANTEE": guarantee,
            **QUICK_GROUP,
            **(EVENT_TIME if settings is None else settings),
        }
        self.loaded = load_settings(None, self.settings)
        self.changelog = changelog_name(self.loaded)
        plain = connection or KafkaConnection(bootstrap)
        create_topics(
            plain,
            PARTITIONS,
            1,
            topics=[ALERTS_RAW, CONTROL, ALERTS_ENRICHED, ALERTS_CORRELATED, ALERTS_DLQ],
            extra=[changelog_topic(changelog_name(self.loaded, agent)) for agent in agents.split(",")],
        )
        self.client = plain.confluent()
        self._offsets = GroupOffsets(self.client, group, RAW_TOPIC, PARTITIONS)
        self._correlating: GroupOffsets | None = None
        topics = [RAW_TOPIC, ENRICHED_TOPIC, DEAD_TOPIC, self.changelog]
        if CORRELATE in agents:
            self.incidents = changelog_name(self.loaded, CORRELATE)
            topics += [CORRELATED_TOPIC, self.incidents]
            self._correlating = GroupOffsets(self.client, group_of(self.loaded, CORRELATE), ENRICHED_TOPIC, PARTITIONS)
            self._correlating.begin_at(self.ends(ENRICHED_TOPIC))
        self.begin = {topic: self.ends(topic) for topic in topics}
        self._offsets.begin_at(self.begin[RAW_TOPIC])
        self.readers = {topic: TopicReader(self.client, topic, self.begin[topic]) for topic in topics}
        self.sender = Sender(self.client, RAW_TOPIC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.stop()
        for worker in self.workers:
            if worker.exit_code is None:
                worker.kill()
        for reader in self.readers.values():
            reader.close()
        self._offsets.close()
        if self._correlating is not None:
            self._correlating.close()

    # -- workers

    def start_worker(self, name: str = "a", **settings: str) -> WorkerProcess:
        """Start a worker on the data folder of that name. A name is a member of the group that comes back."""
        own = {"CORE_ALERTS_WORKER__INSTANCE_ID": name, **settings}
        worker = WorkerProcess(self.folder, name, {**self.settings, **{k: v for k, v in own.items() if v}}, self.agents)
        self.workers.append(worker)
        return worker

    def restart(self, worker: WorkerProcess, since: float | None = None) -> WorkerProcess:
        """Start a worker again after its end, and note how long it was until it was ready."""
        fallen_at = time.monotonic() if since is None else since
        again = self.start_worker(worker.name)
        again.wait_ready()
        self.recovered_after.append(time.monotonic() - fallen_at)
        return again

    def wait_owned(self, *workers: WorkerProcess, seconds: float = 60) -> None:
        """Wait until these workers share all partitions among them and are ready."""

        def shared() -> bool:
            owned = sorted(p for worker in workers for p in worker.partitions)
            return owned == list(range(PARTITIONS)) and all(worker.is_ready() for worker in workers)

        wait_for("all partitions owned", shared, seconds, lambda: "\n--\n".join(w.tail() for w in workers))

    # -- the end

    def committed(self) -> dict[int, int]:
        """Return what the group has committed; nothing while nobody answers."""
        try:
            return self._offsets.committed()
        except KafkaException:
            return {}

    def wait_progress(self, before: Mapping[int, int], supervise: Supervisor, seconds: float = 90) -> None:
        """Wait until every partition is further than `before`."""

        def moved() -> bool:
            supervise()
            now = self.committed()
            return all(now.get(p, -1) > at for p, at in before.items())

        wait_for("progress", moved, seconds, self._tails)

    def drain(self, seconds: float = 90, supervise: Supervisor = nobody) -> None:
        """Wait until everything sent, and everything sent on because of it, is in a checkpoint."""
        self.sender.finish()
        behind: dict[int, tuple[int, int]] = {}

        def drained() -> bool:
            supervise()
            if all(worker.exit_code is not None for worker in self.workers):
                raise RuntimeError(f"no worker is left\n{self.workers[-1].tail()}")
            committed = self.committed()
            # Read after the question: whatever a committed record caused is readable by then.
            self.read(RAW_TOPIC)
            ends = self.readers[RAW_TOPIC].ends
            behind.clear()
            behind.update({p: (committed.get(p, -1), end) for p, end in ends.items() if committed.get(p, -1) < end})
            return not behind

        wait_for("everything committed", drained, seconds, lambda: f"{behind}\n{self._tails()}")

    def drain_changes(self, seconds: float = 90) -> None:
        """Wait until every change is correlated, and that is in a checkpoint. Call it once `drain` has returned."""
        behind: dict[int, tuple[int, int]] = {}

        def correlated() -> bool:
            assert self._correlating is not None, "no worker correlates in this scene"
            last: dict[int, int] = {}
            for one in self.read(ENRICHED_TOPIC):
                last[one.partition] = max(last.get(one.partition, -1), one.offset)
            try:
                committed = self._correlating.committed()
            except KafkaException:
                committed = {}
            behind.clear()
            behind.update({p: (committed.get(p, -1), at) for p, at in last.items() if committed.get(p, -1) <= at})
            return bool(last) and not behind

        wait_for("everything correlated", correlated, seconds, lambda: f"{behind}\n{self._tails()}")

    def _tails(self) -> str:
        return "\n--\n".join(worker.tail() for worker in self.workers[-3:])

    def stop_workers(self) -> list[tuple[int, float]]:
        """Ask all workers to stop; return exit codes and seconds."""
        return [worker.terminate() for worker in self.workers if worker.exit_code is None]

    def read(self, topic: str) -> list[Any]:
        """Return what this run wrote to a topic."""
        return self.readers[topic].read_to_end()

    def verdict(self, seconds: float = 90, supervise: Supervisor = nobody) -> Verdict:
        """Let the workers finish, stop them, and compare everything with the oracle."""
        self.drain(seconds, supervise)
        self.stop_workers()
        raw = self.read(RAW_TOPIC)
        wanted = expected(raw, periods(self.loaded), defaults(self.loaded))
        told = {topic: found(self.read(topic)) for topic in (ENRICHED_TOPIC, DEAD_TOPIC)}
        return compare(len(raw), wanted, Outcome(told, newest_rows(self.read(self.changelog))))

    def ends(self, topic: str) -> dict[int, int]:
        """Return where each partition of a topic ends."""
        consumer = Consumer({**self.client, "group.id": "ends", "log_level": 2})

        def ends() -> dict[int, int] | None:
            try:
                return {
                    p: consumer.get_watermark_offsets(TopicPartition(topic, p), TIMEOUT_S)[1] for p in range(PARTITIONS)
                }
            except KafkaException:
                return None  # a broker tells of a topic a little before it leads it

        try:
            found_ends: dict[int, int] = wait_for(f"the ends of {topic}", ends, TIMEOUT_S)
            return found_ends
        finally:
            consumer.close()


def now_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000
