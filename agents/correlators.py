"""The correlators of a partition's tenants: those used last are in memory, and those with open incidents always are."""

from __future__ import annotations

from collections import OrderedDict
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

import msgspec

from models import snapshot
from pipeline.domain.correlation.correlator import Correlator
from pipeline.domain.correlation.seen import Feedback, Seen
from pipeline.domain.topology_part import joined
from tables.journal import Journal

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable

    from pipeline.domain.correlation.settings import CorrelationSettings
    from pipeline.domain.correlation.views import IncidentEvent
    from pipeline.domain.topology import Topology
    from pipeline.domain.topology_part import TopologyPart
    from tables.store import Rows, RowStore

NAME: Final = "correlator"
VERSION: Final = 1
TENANTS: Final = 1_000
"""Tenants of a partition in memory, unless more of them have open incidents; those of others wait in the store."""
NEVER: Final = 1 << 62


class Happened(msgspec.Struct, array_like=True, frozen=True):
    """One thing that happened to a tenant: a change was seen, time passed, or somebody said something."""

    seen: Seen | None = None
    passed: int = 0  # the time; without anything else, it passed
    said: Feedback | None = None


class Correlators:
    """Own the correlators, the rows that they are kept in, and the times at which time alone does something to one.

    A tenant's topology is part of what its correlator is: it is put here, and changes between two things that happen.
    """

    def __init__(
        self,
        store: RowStore,
        settings: CorrelationSettings,
        topology: Topology | None = None,
        tenants: int = TENANTS,
    ) -> None:
        self.open_count = 0
        self._journal = Journal(store, Happened)
        self._settings = settings
        self._topology = topology  # of tenants without one of their own
        self._most = tenants
        self._parts: dict[str, dict[str, TopologyPart]] = {}  # of topologies, by tenant and id
        self._drawn: set[str] = set()  # tenants in memory whose correlators have yet to get their topology
        self._held: dict[str, Correlator] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()  # of those, what may go: the one used last is the last
        self._open: dict[str, int] = {}  # of the others, how many incidents are open
        self._timers: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._held)

    def load(self, parts: Iterable[tuple[str, TopologyPart]]) -> None:
        """Restore everything, under these parts of the tenants' topologies."""
        for tenant, part in parts:
            self._parts.setdefault(tenant, {})[part.ref.id] = part
        for tenant, whole, since in self._journal.load():
            self._hold(tenant, self._restored(tenant, whole, since))
            self.shrink()

    def get(self, tenant: str) -> Correlator | None:
        """Return the correlator of a tenant that is in memory: no other has an open incident."""
        return self._held.get(tenant)

    def of(self, tenant: str) -> Correlator:
        """Return the correlator of a tenant, from the store if it waits there, a new one if there is none."""
        found = self._held.get(tenant)
        if found is None:
            return self._hold(tenant, self._restored(tenant, *self._journal.read(tenant)))
        if tenant in self._drawn:
            self._drawn.remove(tenant)
            found.set_topology(self._topology_of(tenant))
        return found

    def items(self) -> ItemsView[str, Correlator]:
        """Return the tenants in memory, with their correlators."""
        return self._held.items()

    # -- what happens

    def observe(self, tenant: str, seen: Seen) -> list[IncidentEvent]:
        """Take in a change of an alert and return what it makes of the tenant's incidents."""
        correlator = self.of(tenant)
        armed = correlator.next_time
        events = correlator.observe(seen)
        self._happened(tenant, correlator, armed, Happened(seen), seen.at)
        return events

    def pass_time(self, tenant: str, now: int) -> list[IncidentEvent]:
        """Let time pass for one tenant."""
        correlator = self.of(tenant)
        armed = correlator.next_time
        events = correlator.pass_time(now)
        self._happened(tenant, correlator, armed, Happened(passed=now), now)
        return events

    def apply_feedback(self, tenant: str, said: Feedback, now: int) -> list[IncidentEvent]:
        """Apply what somebody says of one of the tenant's incidents."""
        correlator = self.of(tenant)
        armed = correlator.next_time
        events = correlator.apply_feedback(said, now)
        self._happened(tenant, correlator, armed, Happened(said=said, passed=now), now)
        return events

    def draw(self, tenant: str, part_id: str, part: TopologyPart | None) -> None:
        """Put a part of a tenant's topology in the place of the one with its id; None: take that away."""
        if tenant not in self._held:
            self.of(tenant)  # what happened to it so far happened under the topology before
        parts = self._parts.setdefault(tenant, {})
        parts.pop(part_id, None)
        if part is not None:
            parts[part_id] = part
        self._drawn.add(tenant)  # the graph is made when it is needed: a large one comes in many parts
        self._journal.write_whole(tenant)

    def _happened(self, tenant: str, correlator: Correlator, armed: int | None, entry: Happened, now: int) -> None:
        self._journal.happened(tenant, entry, now)
        if correlator.next_time != armed:
            self._arm(tenant, correlator)
        self._note(tenant, correlator)

    # -- time

    @property
    def next_time(self) -> int:
        """Return when time alone next may cause something."""
        return self._timers[0][0] if self._timers else NEVER

    def next_due(self, now: int) -> tuple[int, str] | None:
        """Return when time next did something by `now`, and to which tenant, for `pass_time`; None: nothing is left."""
        while self._timers and self._timers[0][0] <= now:
            due, tenant = heappop(self._timers)
            correlator = self._held.get(tenant)
            if correlator is not None and correlator.next_time == due:  # else it was moved: the other one is in here
                return due, tenant
        return None

    def _arm(self, tenant: str, correlator: Correlator) -> None:
        due = correlator.next_time
        if due is not None:
            heappush(self._timers, (due, tenant))

    # -- memory

    def _hold(self, tenant: str, correlator: Correlator) -> Correlator:
        self._held[tenant] = correlator
        self._arm(tenant, correlator)
        self._note(tenant, correlator)
        return correlator

    def _note(self, tenant: str, correlator: Correlator) -> None:
        """Take note of how many of its incidents are open, and whether it may go."""
        count = correlator.open_count
        if count or correlator.next_time is not None:
            if self._open.get(tenant) != count:
                self.open_count += count - self._open.get(tenant, 0)
                self._open[tenant] = count
                self._idle.pop(tenant, None)
        else:
            self.open_count -= self._open.pop(tenant, 0)
            self._idle[tenant] = None
            self._idle.move_to_end(tenant)

    def shrink(self) -> None:
        """Let go of the tenants beyond the bound that were used the longest ago and have nothing open.

        Call it when a snapshot is stored.
        """
        while len(self._held) > self._most and self._idle:
            tenant = next(iter(self._idle))
            if not self._journal.is_written(tenant):
                return
            del self._idle[tenant], self._held[tenant]
            self._drawn.discard(tenant)

    # -- state

    def _restored(self, tenant: str, whole: bytes | None, since: list[Happened]) -> Correlator:
        if whole is None:
            correlator = Correlator(tenant, self._settings, self._topology_of(tenant))
        else:
            known: Any = snapshot.unpack(NAME, VERSION, whole)
            correlator = Correlator.restore(tenant, self._settings, self._topology_of(tenant), known)
        for entry in since:
            if entry.seen is not None:
                correlator.observe(entry.seen)
            elif entry.said is not None:
                correlator.apply_feedback(entry.said, entry.passed)
            else:
                correlator.pass_time(entry.passed)
        return correlator

    def _topology_of(self, tenant: str) -> Topology | None:
        return joined(self._parts.get(tenant, {}).values()) or self._topology

    def snapshot(self, rows: Rows, now: int) -> None:
        """Add to `rows` what happened since the last snapshot."""
        self._journal.snapshot(rows, self._whole_of, now)

    def _whole_of(self, tenant: str) -> bytes:
        return snapshot.pack(NAME, VERSION, self._held[tenant].snapshot())
