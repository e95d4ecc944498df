"""The open incidents of one tenant and what can be done to them: open, join, leave, merge, split, rank, close."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.domain.correlation.incident import MERGED, RESOLVED, Incident, Sign
from pipeline.domain.correlation.index import IncidentIndex
from pipeline.domain.correlation.onset import FEWEST, Beginning, Pace
from pipeline.domain.correlation.root_cause import rank
from pipeline.domain.correlation.root_lessons import Names, bounded, names_by_node
from pipeline.domain.correlation.seen import new_id
from pipeline.domain.correlation.views import IncidentEvent, Link, Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.domain.correlation.memory import Memory
    from pipeline.domain.correlation.settings import CorrelationSettings
    from pipeline.domain.topology import Topology

_RANK_AFTER: Final = 5_000  # ms after an alert joined, the causes are ranked anew
_USUAL_FROM: Final = 4  # alerts; smaller incidents say nothing about what is usual in one
_SERIOUS: Final = 3  # severity error

_AS_OPENED: Final = frozenset(("joined", "left", "severity", "root_cause", "recalled"))


class OpenIncidents:
    """Incidents by id, where each firing alert is, and when time alone does something to an incident."""

    def __init__(self, tenant: str, settings: CorrelationSettings, topology: Topology | None, memory: Memory) -> None:
        self.topology = topology
        self.by_id: dict[str, Incident] = {}  # the one that something happened to last is the last
        self.of: dict[str, str] = {}  # fingerprint of a firing alert -> incident
        self.aliases: dict[str, str] = {}
        self.index = IncidentIndex()
        self.now = 0
        self.events: list[IncidentEvent] = []
        self._tenant = tenant
        self._settings = settings
        self._memory = memory
        self._due: list[tuple[int, str]] = []  # a heap

    def find(self, incident: str) -> Incident | None:
        """Return an open incident by its id or an alias."""
        return self.by_id.get(self.aliases.get(incident, incident))

    def newest(self) -> Iterator[Incident]:
        """Yield the incidents, the one that something happened to last first."""
        return reversed(self.by_id.values())

    def take_events(self) -> list[IncidentEvent]:
        """Hand over what happened since the last call."""
        events, self.events = self.events, []
        return events

    def tell(self, kind: str, incident: Incident, *about: str) -> None:
        """Note that something happened to an incident.

        Nobody hears of one while all of its alerts are suppressed. With the first that is not, it opens, and those are
        members of it.
        """
        if not incident.told:
            if not any(incident.heard):
                return
            incident.told = True
            if kind in _AS_OPENED:
                kind, about = "opened", tuple(incident.members)
        self.events.append(IncidentEvent(kind, incident.view(kind, about, self._settings), about))

    # -- time

    @property
    def next_time(self) -> int | None:
        """Return when time alone next may do something."""
        return self._due[0][0] if self._due else None

    def pass_time(self, now: int) -> None:
        """Close what is over by `now`, and rank the causes of what grew."""
        if now > self.now:
            self.now = now
        due = self._due
        while due and due[0][0] <= now:
            at, name = heappop(due)
            incident = self.by_id.get(name)
            if incident is None:
                continue
            if incident.rank_at == at:
                incident.rank_at = 0
                self._rank_if_it_grew(incident)
            if incident.closes_at == at:
                self.close(incident)

    def _close_later(self, incident: Incident, at: int) -> None:
        incident.closes_at = max(self.now, at) + self._memory.gap
        heappush(self._due, (incident.closes_at, incident.id))

    def _rank_later(self, incident: Incident) -> None:
        """See that the causes are ranked again: soon while an incident is young, more and more seldom later."""
        if incident.rank_at:
            return
        age = max(0, incident.ranked_at - incident.first_seen)
        incident.rank_at = max(self.now, incident.ranked_at) + max(_RANK_AFTER, age // 2)
        heappush(self._due, (incident.rank_at, incident.id))

    # -- members

    def open(self, first: Member, title: str) -> Incident:
        """Open an incident for its first member; `join` takes the member in."""
        if len(self.by_id) >= self._settings.incidents:
            self.close(next(iter(self.by_id.values())))
        at = first.joined_at
        incident = Incident(new_id(self._tenant, first.fingerprint, at), title, at, at)
        if incident.id in self.by_id:  # the alert opened one at this very moment already, and left it
            return self.by_id[incident.id]
        self.by_id[incident.id] = incident
        return incident

    def join(self, incident: Incident, member: Member, sign: Sign) -> None:
        """Take an alert in that begins to fire."""
        if len(incident.members) >= self._settings.members:
            over = next((one.fingerprint for one in incident.members.values() if not one.active), None)
            if over is not None:
                incident.drop(over)
        incident.put(member)
        incident.signs.setdefault(member.fingerprint, sign)
        self._note_place(incident, sign.node)
        incident.closes_at = 0
        incident.weigh()
        self.of[member.fingerprint] = incident.id
        self.touch(incident, member.name, member.fingerprint, member.joined_at, sign.keys)
        self._rank_later(incident)

    def leave(self, incident: Incident, fingerprint: str, at: int) -> None:
        """Let an alert be active no longer, or elsewhere; it stays a member."""
        incident.put(msgspec.structs.replace(incident.members[fingerprint], active=False))
        self.of.pop(fingerprint, None)
        if not incident.active:
            self._close_later(incident, at)

    def touch(self, incident: Incident, name: str, fingerprint: str, at: int, keys: Iterable[str]) -> None:
        """Note that something of an incident happened at `at`."""
        self.index.touch_each(keys, incident.id, at, fingerprint)
        incident.note_name(name, at, fingerprint)
        if at >= incident.last_seen:
            incident.last_seen = at
            del self.by_id[incident.id]
            self.by_id[incident.id] = incident

    def _note_place(self, incident: Incident, node: str) -> None:
        topology = self.topology
        if topology is None or node not in topology:
            return
        if topology.is_host(node):
            incident.hosts[node] = None
            return
        incident.services[topology.service_of(node)] = None
        for host in topology.host_of.get(node, ()):
            incident.hosts[host] = None

    def recall(self, incident: Incident) -> None:
        """Tell of members that are suppressed while their incident is serious."""
        if incident.severity < _SERIOUS or not incident.hidden:
            return
        new = incident.recall()
        if new:
            self.tell("recalled", incident, *new)

    # -- whole incidents

    def merge(self, one: Incident, other: Incident) -> None:
        """Make two incidents one: the older id stays."""
        older, younger = sorted((one, other), key=lambda incident: (incident.first_seen, incident.id))
        for fingerprint, member in younger.members.items():
            known = older.members.get(fingerprint)
            if known is None or not known.active:
                older.put(member if known is None else msgspec.structs.replace(known, active=member.active))
            if fingerprint in younger.signs:
                older.signs.setdefault(fingerprint, younger.signs[fingerprint])
            if self.of.get(fingerprint) == younger.id:
                self.of[fingerprint] = older.id
        for name, (at, of) in younger.names.items():
            older.note_name(name, at, of)
        older.services.update(younger.services)
        older.hosts.update(younger.hosts)
        older.recalled.update(younger.recalled)
        older.hiders.update(younger.hiders)
        if not older.said_cause:
            older.said_cause, older.said_by = younger.said_cause, younger.said_by
        older.last_seen = max(older.last_seen, younger.last_seen)
        older.aliases += (younger.id, *younger.aliases)
        for alias in (younger.id, *younger.aliases):
            self.aliases[alias] = older.id
        if older.active:
            older.closes_at = 0
            older.weigh()
        self.index.move(younger.id, older.id)
        younger.state = MERGED
        del self.by_id[younger.id], self.by_id[older.id]
        self.by_id[older.id] = older
        self._rank_later(older)
        self.tell("merged", older, younger.id)

    def split(self, incident: Incident) -> None:
        """Make an incident of its own of the alerts that began within the newest window of its pace."""
        newest = {one.fingerprint: one for one in incident.pace.newest}
        begun = [one for one in newest.values() if self.of.get(one.fingerprint) == incident.id]
        first = begun[0] if len(begun) >= FEWEST else None
        if first is None or new_id(self._tenant, first.fingerprint, first.at) in self.by_id:
            return
        moved = [self._moved(incident, one, first) for one in begun]
        incident.pace = Pace()
        new = self.open(moved[0][0], incident.members[first.fingerprint].name)
        for (member, sign), one in zip(moved, begun, strict=True):
            if incident.members[one.fingerprint].joined_at < one.at:
                incident.put(msgspec.structs.replace(incident.members[one.fingerprint], active=False))
            else:
                incident.drop(one.fingerprint)
            self.join(new, member, sign)
        new.pace.newest = begun
        incident.gave_way_to = new.id
        if not incident.active:
            self._close_later(incident, self.now)
        incident.weigh()
        self.rank(new)
        self.tell("opened", new, *(one.fingerprint for one in begun))
        self.tell("split", incident, *(one.fingerprint for one in begun))

    def _moved(self, incident: Incident, one: Beginning, first: Beginning) -> tuple[Member, Sign]:
        why = (Link("onset", 1.0, max(0, one.at - first.at), first.fingerprint),)
        member = msgspec.structs.replace(incident.members[one.fingerprint], joined_at=one.at, why=why, active=True)
        return member, msgspec.structs.replace(incident.signs[one.fingerprint], at=one.at)

    def successor(self, incident: Incident, at: int) -> Incident:
        """Return the incident that what now belongs to `incident` goes to: what was split off, while it lasts."""
        while incident.gave_way_to:
            new = self.find(incident.gave_way_to)
            if new is None or new is incident or at - new.last_seen > self._memory.gap:
                break
            incident = new
        return incident

    def close(self, incident: Incident) -> None:
        """Resolve an incident, and learn what is usual in one."""
        self._rank_if_it_grew(incident)
        if len(incident.signs) >= _USUAL_FROM:
            self._memory.background.learn((one, sign.name, sign.node) for one, sign in incident.signs.items())
            if incident.told:
                self._memory.roots.remember(incident.id, incident.aliases, self.names_in(incident))
        if incident.said_by:
            self._memory.roots.learn(incident.said_by, incident.said_cause, self.names_in(incident))
        incident.state = RESOLVED
        for fingerprint in incident.members:
            if self.of.get(fingerprint) == incident.id:
                del self.of[fingerprint]
        for alias in incident.aliases:
            self.aliases.pop(alias, None)
        self.index.forget(incident.id)
        del self.by_id[incident.id]
        self.tell("resolved", incident)

    def names_in(self, incident: Incident) -> Names:
        """Return the alert names of each node of an incident."""
        signs = ((sign.node, sign.name) for sign in incident.signs.values())
        return bounded(names_by_node(signs, self.topology))

    def _rank_if_it_grew(self, incident: Incident) -> None:
        if len(incident.signs) != incident.ranked_with:
            self.rank(incident)

    def rank(self, incident: Incident) -> None:
        """Rank the causes; tell if the likeliest is another one than before."""
        before = incident.causes[0].node if incident.causes else None
        incident.ranked_at, incident.ranked_with = self.now, len(incident.signs)
        memory = self._memory
        incident.causes = rank(incident, self.topology, memory.background, memory.roots, self._settings.root_causes)
        if before is not None and incident.causes and incident.causes[0].node != before:
            self.tell("root_cause", incident, incident.causes[0].node)

    # -- state

    def snapshot(self) -> dict[str, Any]:
        """Return all there is to keep."""
        return {
            "incidents": [incident.snapshot() for incident in self.by_id.values()],
            "of": [list(one) for one in self.of.items()],
            "aliases": [list(one) for one in self.aliases.items()],
            "index": self.index.snapshot(),
            "due": [list(one) for one in self._due],
            "now": self.now,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` returned."""
        self.by_id = {one["id"]: Incident.restored(one) for one in state["incidents"]}
        self.of = dict(state["of"])
        self.aliases = dict(state["aliases"])
        self.index.restore(state["index"])
        self._due = [(at, incident) for at, incident in state["due"]]
        self.now = state["now"]
