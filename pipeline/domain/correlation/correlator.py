"""Correlation: which incident each alert of one tenant belongs to, why, and what the likeliest cause is.

An alert is placed when it begins to fire, or fires again after a pause: it joins the incident that it most likely
belongs to, or opens one. Everything follows from the changes and the times that it is told, in their order.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self

from msgspec.structs import replace

from pipeline.domain.correlation.incident import Incident, Sign
from pipeline.domain.correlation.incidents import OpenIncidents
from pipeline.domain.correlation.memory import Memory, place_of
from pipeline.domain.correlation.onset import Beginning
from pipeline.domain.correlation.root_cause import subject_of
from pipeline.domain.correlation.seen import BEGINS, ENDS
from pipeline.domain.correlation.strength import Asked, Match, Signals, calibrated
from pipeline.domain.correlation.taught import Lesson, Taught, pair_of
from pipeline.domain.correlation.views import IncidentEvent, Link, Member

if TYPE_CHECKING:
    from pipeline.domain.correlation.seen import Feedback, Seen
    from pipeline.domain.correlation.settings import CorrelationSettings
    from pipeline.domain.topology import Topology

VERSION: Final = 1  # of the form of a snapshot
_LOOKED_AT: Final = 8  # newest incidents that every alert is compared with
_FIRST: Final = (Link("first", 1.0, 0, ""),)
_SAID: Final = (Link("feedback", 1.0, 0, ""),)


class Correlator:
    """The open incidents of one tenant. Times are milliseconds since 1970."""

    def __init__(self, tenant: str, settings: CorrelationSettings, topology: Topology | None = None) -> None:
        self._settings = settings
        self._memory = Memory(settings)
        self._taught = Taught()
        self._open = OpenIncidents(tenant, settings, topology, self._memory)

    # -- reading

    @property
    def next_time(self) -> int | None:
        """Return when `pass_time` next may do something; None: never, unless something else happens first."""
        return self._open.next_time

    @property
    def open_count(self) -> int:
        """Return how many incidents are open."""
        return len(self._open.by_id)

    @property
    def gap(self) -> int:
        """Return the pause in ms that tells one incident from the next, as learned so far."""
        return self._memory.gap

    def incident_of(self, fingerprint: str) -> str | None:
        """Return the open incident that a firing alert is in, None where it is in none."""
        return self._open.of.get(fingerprint)

    # -- what happens

    def observe(self, seen: Seen) -> list[IncidentEvent]:
        """Take in a change of an alert and return what it makes of the incidents."""
        incidents = self._open
        incidents.pass_time(seen.at)
        current = incidents.by_id.get(incidents.of.get(seen.fingerprint, ""))
        if not seen.firing or seen.change in ENDS:
            if current is not None:
                incidents.leave(current, seen.fingerprint, seen.at)
                if current.weigh():
                    incidents.tell("severity", current, seen.fingerprint)
        elif current is None:
            self._place(seen, None)
        elif seen.change in BEGINS and seen.quiet_ms > self._memory.gap:
            self._touch(seen, current, seen.at - seen.quiet_ms)
            self._place(seen, current)
        else:
            self._go_on(seen, current)
        return incidents.take_events()

    def pass_time(self, now: int) -> list[IncidentEvent]:
        """Close the incidents that are over by `now`, and rank the causes of those that grew."""
        self._open.pass_time(now)
        return self._open.take_events()

    def set_topology(self, topology: Topology | None) -> None:
        """Let another topology hold from now on; alerts that were placed stay where they are."""
        self._open.topology = topology

    # -- placing

    def _place(self, seen: Seen, current: Incident | None) -> None:
        asked = self._asked(seen)
        signals, matches = self._matches(asked)
        likely = self._likely(matches[0]) if matches else 0.0
        best = matches[0] if matches and likely >= self._settings.join_from else None
        target = self._open.successor(self._open.by_id[best.incident], seen.at) if best is not None else None
        if current is not None and (target is current or (target is None and self._goes_on(seen, current))):
            self._go_on(seen, current)
            self._begin(seen, current, again=True)
        elif best is not None and target is not None:
            told = signals.told(best, self._open.index)
            strength = max(self._settings.join_from, self._likely(told))
            self._join(seen, asked, target, current, signals.links(told), strength)
            self._open.tell("joined", target, seen.fingerprint)
            self._open.recall(target)
            self._begin(seen, target, again=current is not None)
            self._merge(matches[1:2], target, seen.at)
        else:
            self._open_for(seen, asked, current, _FIRST)
        self._memory.learn(asked)

    def _goes_on(self, seen: Seen, current: Incident) -> bool:
        """Say whether an alert that fires again after a pause, and belongs nowhere else, is still part of its incident.

        One that is all its incident has stays for `alone_for`. The more alerts there are the more often one of them
        fires while the incident lasts, so the less of a pause says that it is over.
        """
        alerts = len(current.members)
        if alerts == 1:
            return seen.at - current.first_seen <= self._settings.alone_for
        return seen.quiet_ms * alerts <= self._settings.patience * self._memory.gap

    def _asked(self, seen: Seen) -> Asked:
        topology = self._open.topology
        nodes = topology.nodes_of(seen.labels) if topology is not None else ()
        return Asked(seen.name, f"{seen.name} {seen.text}", seen.at, self._memory.values_of(seen.labels), nodes)

    def _matches(self, asked: Asked) -> tuple[Signals, list[Match]]:
        settings, memory, topology = self._settings, self._memory, self._open.topology
        signals = Signals(settings, asked, memory.gap)
        if settings.labels:
            signals.labels(self._open.index)
        if settings.topology and topology is not None:
            signals.topology(self._open.index, topology)
        newest = list(islice(self._open.newest(), _LOOKED_AT))
        if settings.temporal or settings.text or settings.cooccurrence:
            text, pairs = memory.text if settings.text else None, memory.pairs if settings.cooccurrence else None
            signals.recent(newest, text, pairs, topology, all_of_them=bool(self._taught))
        return signals, signals.matches(signals.taught(newest, self._taught) if self._taught else None)

    def _likely(self, match: Match) -> float:
        return calibrated(match.strength, self._settings.slope, self._settings.shift)

    def _join(
        self,
        seen: Seen,
        asked: Asked,
        incident: Incident,
        current: Incident | None,
        why: tuple[Link, ...],
        strength: float,
    ) -> None:
        if current is not None:
            self._open.leave(current, seen.fingerprint, seen.at)
        places = asked.nodes or (place_of(seen.labels) or seen.fingerprint,)
        node, is_call = subject_of(places, self._open.topology, seen.name)
        sign = Sign(seen.name, seen.at, node, is_call, keys_of(asked))
        self._open.join(incident, self._member(seen, why, strength), sign)

    def _member(self, seen: Seen, why: tuple[Link, ...], strength: float) -> Member:
        hidden, by = seen.suppressed, seen.suppressed_by
        return Member(seen.fingerprint, seen.name, seen.severity, seen.at, why, strength, True, hidden, by)

    def _open_for(self, seen: Seen, asked: Asked, current: Incident | None, why: tuple[Link, ...]) -> None:
        where = place_of(seen.labels)
        incident = self._open.open(self._member(seen, why, 1.0), f"{seen.name} on {where}" if where else seen.name)
        self._join(seen, asked, incident, current, why, 1.0)
        self._open.rank(incident)
        self._open.tell("opened", incident, seen.fingerprint)
        self._begin(seen, incident, again=False)

    def _merge(self, second: list[Match], target: Incident, at: int) -> None:
        """Merge the incident that an alert joined with another one that it belongs to as well."""
        if not second or self._likely(second[0]) < self._settings.merge_from or target.id not in self._open.by_id:
            return
        other = self._open.successor(self._open.by_id[second[0].incident], at)
        if other is not target and not other.gave_way_to and not target.gave_way_to:
            self._open.merge(other, target)
            self._open.recall(self._open.by_id[self._open.aliases.get(target.id, target.id)])

    def _begin(self, seen: Seen, incident: Incident, *, again: bool) -> None:
        """Note that an alert of an incident began to fire, and split off what begins anew."""
        if not self._settings.onset:
            return
        gap = self._memory.gap
        incident.pace.add(Beginning(seen.at, seen.fingerprint, again), gap)
        if seen.at - incident.first_seen > 2 * gap and incident.pace.is_onset(gap):
            self._open.split(incident)

    def _go_on(self, seen: Seen, incident: Incident) -> None:
        """Take in that an alert fires on where it is."""
        member = incident.members[seen.fingerprint]
        self._touch(seen, incident, min(seen.at, seen.last_seen or seen.at))
        now = seen.severity, seen.suppressed, seen.suppressed_by
        if now != (member.severity, member.suppressed, member.suppressed_by):
            severity, suppressed, by = now
            incident.put(replace(member, severity=severity, suppressed=suppressed, suppressed_by=by))
            if incident.weigh() or not incident.told:
                self._open.tell("severity", incident, seen.fingerprint)
            self._open.recall(incident)

    def _touch(self, seen: Seen, incident: Incident, at: int) -> None:
        topology = self._open.topology
        nodes = topology.nodes_of(seen.labels) if topology is not None else ()
        keys = self._memory.keys_of(seen.labels)
        if nodes:
            keys += ["n:" + node for node in nodes]
        self._open.touch(incident, seen.name, seen.fingerprint, at, keys)

    # -- feedback

    def apply_feedback(self, feedback: Feedback, now: int) -> list[IncidentEvent]:
        """Apply what somebody says of an incident, and learn from it.

        Of incidents that are over nothing but the cause can be said, and of unknown ones nothing.
        """
        self._open.pass_time(now)
        known_as = feedback.of if feedback.kind == "undo" else feedback.id
        before = self._taught.forget(known_as)
        self._memory.roots.forget(known_as)
        if before is not None:
            self._take_back(before, now)
        incident = self._open.find(feedback.incident)
        if incident is not None and feedback.kind != "undo":
            self._apply(feedback, incident, now)
        elif feedback.kind == "root_cause":  # as most causes: found when all is over
            names = self._memory.roots.recall(feedback.incident)
            if names is not None:
                self._memory.roots.learn(feedback.id, feedback.node, names)
        return self._open.take_events()

    def _apply(self, feedback: Feedback, incident: Incident, now: int) -> None:
        fingerprint, vote = feedback.fingerprint, 0
        pairs: tuple[str, ...] = ()
        if feedback.kind == "root_cause":
            self._memory.roots.learn(feedback.id, feedback.node, self._open.names_in(incident))
            self._say_cause(incident, feedback.node, feedback.id)
        elif feedback.kind == "belongs" and self._open.of.get(fingerprint) not in (None, incident.id):
            pairs, vote = self._pairs(fingerprint, incident), 1
            self._move(fingerprint, incident, now)
        elif feedback.kind == "does_not_belong" and self._open.of.get(fingerprint) == incident.id:
            pairs, vote = self._pairs(fingerprint, incident), -1
            self._move(fingerprint, None, now)
        else:
            return
        lesson = Lesson(feedback.kind, incident.id, fingerprint, feedback.node, pairs, vote)
        self._taught.add(feedback.id, lesson)

    def _take_back(self, lesson: Lesson, now: int) -> None:
        incident = self._open.find(lesson.incident)
        if incident is None:
            return
        if lesson.kind == "root_cause":
            self._say_cause(incident, "", "")
        elif lesson.kind == "belongs" and self._open.of.get(lesson.fingerprint) == incident.id:
            self._move(lesson.fingerprint, None, now)
        elif lesson.kind == "does_not_belong" and lesson.fingerprint in self._open.of:
            self._move(lesson.fingerprint, incident, now)

    def _pairs(self, fingerprint: str, incident: Incident) -> tuple[str, ...]:
        member = self._open.by_id[self._open.of[fingerprint]].members[fingerprint]
        others = [name for name in incident.names if name != member.name]
        return tuple(pair_of(member.name, other) for other in others)

    def _say_cause(self, incident: Incident, node: str, feedback: str) -> None:
        incident.said_cause, incident.said_by = node, feedback
        self._open.rank(incident)

    def _move(self, fingerprint: str, to: Incident | None, now: int) -> None:
        """Move an active alert to another incident; without one, to an incident of its own."""
        source = self._open.by_id[self._open.of[fingerprint]]
        if source is to or (to is None and len(source.members) == 1):
            return
        self._open.leave(source, fingerprint, now)
        sign = source.signs[fingerprint]
        member = source.drop(fingerprint)
        member = replace(member, joined_at=now, why=_SAID, strength=1.0, active=True)
        target = to or self._open.open(member, member.name)
        self._open.join(target, member, sign)
        source.weigh()
        self._open.rank(source)
        self._open.rank(target)
        self._open.tell("split", source, fingerprint)
        self._open.tell("opened" if to is None else "joined", target, fingerprint)
        self._open.recall(target)

    # -- state

    def snapshot(self) -> dict[str, Any]:
        """Return everything there is to keep: what msgpack writes and nothing else."""
        state = {"version": VERSION, "memory": self._memory.snapshot(), "taught": self._taught.snapshot()}
        return {**state, **self._open.snapshot()}

    @classmethod
    def restore(
        cls, tenant: str, settings: CorrelationSettings, topology: Topology | None, state: dict[str, Any]
    ) -> Self:
        """Return the correlator that `snapshot` was taken of.

        Raises:
            ValueError: if another version made the snapshot.
        """
        if state["version"] != VERSION:
            raise ValueError(f"a snapshot of version {state['version']}, this is version {VERSION}: start without it")
        correlator = cls(tenant, settings, topology)
        correlator._memory.restore(state["memory"])
        correlator._taught.restore(state["taught"])
        correlator._open.restore(state)
        return correlator


def keys_of(asked: Asked) -> tuple[str, ...]:
    """Return the keys under which an alert's incident is found."""
    return (*[key for key, _ in asked.values], *["n:" + node for node in asked.nodes])
