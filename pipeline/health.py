"""Whether the worker is alive and ready: judged from what it reported, at the moment somebody asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition is: `since` is when its checkpoint last moved or it last fell behind."""

    end_offset: int
    checkpoint_offset: int
    since: float

    @property
    def behind(self) -> int:
        """How many records no checkpoint includes."""
        return max(self.end_offset - self.checkpoint_offset, 0)

    def moved(self, end_offset: int, checkpoint_offset: int, now: float) -> Progress:
        """Return the progress after a report; the clock of a stall starts only once there is something to do."""
        waiting = self.behind and checkpoint_offset == self.checkpoint_offset
        return Progress(end_offset, checkpoint_offset, self.since if waiting else now)


@dataclass(frozen=True)
class Complaint:
    """One reason not to be live or ready."""

    reason: str
    detail: str
    topic: str | None = None
    partition: int | None = None


def stalled(progress: Mapping[TopicPartition, Progress], now: float, stall_timeout: float) -> list[Complaint]:
    """Return a complaint for each partition with unread records whose checkpoint has stood still for too long."""
    return [
        Complaint(
            "stalled",
            f"{at.behind} records wait beyond offset {at.checkpoint_offset}, "
            f"where the checkpoint has stood for {now - at.since:.0f} s",
            topic,
            partition,
        )
        for (topic, partition), at in sorted(progress.items())
        if at.behind and now - at.since >= stall_timeout
    ]


class HealthState:
    """What the worker reported last. Any thread may report or ask; times are monotonic seconds."""

    def __init__(self, stall_timeout: float) -> None:
        self._stall_timeout = stall_timeout
        self._lock = Lock()
        self._joined = False
        self._recovering = False
        self._assigned: set[TopicPartition] = set()
        self._progress: dict[TopicPartition, Progress] = {}
        self._heartbeat: float | None = None

    @property
    def recovering(self) -> bool:
        """Whether state is being restored."""
        return self._recovering

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions this worker owns."""
        with self._lock:
            return frozenset(self._assigned)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """The worker is in the group and owns exactly these partitions, perhaps none."""
        with self._lock:
            self._joined = True
            self._assigned = set(partitions)
            self._progress = {key: at for key, at in self._progress.items() if key in self._assigned}

    def left(self) -> None:
        """The worker is not in the group: not yet, no more, or between two assignments."""
        with self._lock:
            self._joined = False
            self._assigned.clear()
            self._progress.clear()

    def recovery_started(self) -> None:
        """State is being restored: not ready, and no checkpoint is expected."""
        with self._lock:
            self._recovering = True

    def recovery_finished(self, now: float) -> None:
        """State is whole; from now on checkpoints are expected again."""
        with self._lock:
            self._recovering = False
            self._progress = {key: replace(at, since=now) for key, at in self._progress.items()}

    def progress(self, partition: TopicPartition, end_offset: int, checkpoint_offset: int, now: float) -> None:
        """Take the newest end of a partition, and the next offset its checkpoint would continue from."""
        with self._lock:
            known = self._progress.get(partition)
            if known is None:
                self._progress[partition] = Progress(end_offset, checkpoint_offset, now)
            else:
                self._progress[partition] = known.moved(end_offset, checkpoint_offset, now)

    def heartbeat(self, now: float) -> None:
        """Show that the event loop turns; once it was called, its silence for stall_timeout is a complaint."""
        with self._lock:
            self._heartbeat = now

    def liveness(self, now: float) -> list[Complaint]:
        """Return why the worker should be restarted, or nothing."""
        with self._lock:
            found = [] if self._recovering else stalled(self._progress, now, self._stall_timeout)
            silent = now - self._heartbeat if self._heartbeat is not None else 0.0
        if silent >= self._stall_timeout:
            found.append(Complaint("unresponsive", f"the worker's event loop has not turned for {silent:.0f} s"))
        return found

    def readiness(self) -> list[Complaint]:
        """Return why the worker cannot do its work yet, or nothing."""
        with self._lock:
            joined, recovering = self._joined, self._recovering
        found = []
        if recovering:
            found.append(Complaint("recovering", "local state is being restored"))
        if not joined:
            found.append(Complaint("not_assigned", "the worker has not joined its consumer group yet"))
        return found

    def is_live(self, now: float) -> bool:
        """Say whether the worker gets on, or has nothing to do."""
        return not self.liveness(now)

    def is_ready(self) -> bool:
        """Say whether state is whole and the group has given this worker its part, which may be none."""
        return not self.readiness()


class Health:
    """The health of a worker: that of all its agents."""

    def __init__(self, agents: Mapping[str, HealthState]) -> None:
        self._agents = agents

    def of(self, agent: str) -> HealthState:
        """Return the state that one agent reports to."""
        return self._agents[agent]

    def liveness(self, now: float) -> list[Complaint]:
        """Return why the worker should be restarted, or nothing."""
        return [complaint for state in self._agents.values() for complaint in state.liveness(now)]

    def readiness(self) -> list[Complaint]:
        """Return why the worker cannot do its work yet, or nothing."""
        return [complaint for state in self._agents.values() for complaint in state.readiness()]

    def is_live(self, now: float) -> bool:
        """Say whether every agent gets on, or has nothing to do."""
        return not self.liveness(now)

    def is_ready(self) -> bool:
        """Say whether every agent can do its work."""
        return not self.readiness()
