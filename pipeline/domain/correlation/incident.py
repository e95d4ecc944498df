"""One open incident: its members, what they say about its cause, and when something of it last happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.domain.correlation.onset import Pace
from pipeline.domain.correlation.views import ABOUT_MEMBERS, Cause, IncidentView, Member

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.domain.correlation.settings import CorrelationSettings

NAMES_KEPT: Final = 4  # the newest distinct names: what a new alert is compared with
RECALLS: Final = 10
"""Hidden members of an incident that are told of one by one; of others only the first of each that hides is."""
_HIDERS_KEPT: Final = 100
_SETS: Final = ("services", "hosts", "hidden", "recalled", "hiders")
OPEN, RESOLVED, MERGED = "open", "resolved", "merged"


class Sign(msgspec.Struct, frozen=True, gc=False):
    """What one member says about the cause."""

    name: str
    at: int
    node: str  # that it speaks for
    is_call: bool  # it is about a call of that node by another
    keys: tuple[str, ...] = ()  # under which the index has it


class Incident(msgspec.Struct):
    """Mutable; made, changed and closed by the correlator only."""

    id: str
    title: str
    first_seen: int
    last_seen: int
    state: str = OPEN
    members: dict[str, Member] = msgspec.field(default_factory=dict)
    signs: dict[str, Sign] = msgspec.field(default_factory=dict)
    active: int = 0  # members that fire and did not go on to another incident
    severity: int = 0  # of its worst active member that is not suppressed; the last one's, when none is left
    heard: list[int] = msgspec.field(default_factory=lambda: [0] * 5)  # such members by severity
    sure: float = 0.0  # the sum of the members' strengths
    closes_at: int = 0  # when it is over; 0 while it has an active member
    names: dict[str, tuple[int, str]] = msgspec.field(default_factory=dict)  # newest last: (when, fingerprint)
    services: dict[str, None] = msgspec.field(default_factory=dict)
    hosts: dict[str, None] = msgspec.field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    ranked_at: int = 0  # when the causes were last ranked
    ranked_with: int = 0  # signs, then
    rank_at: int = 0  # when they are to be ranked again; 0: when something happens
    hidden: dict[str, None] = msgspec.field(default_factory=dict)  # active, suppressed, and not yet asked about
    recalled: dict[str, None] = msgspec.field(default_factory=dict)  # those of them that were told of
    hiders: dict[str, None] = msgspec.field(default_factory=dict)  # what hid these
    said_cause: str = ""  # by feedback
    said_by: str = ""  # which one
    gave_way_to: str = ""  # the incident that was split off last: what comes now belongs there
    pace: Pace = msgspec.field(default_factory=Pace)
    told: bool = False  # not while all of its alerts are suppressed: nobody hears of it

    def put(self, member: Member) -> None:
        """Take a member in, or in another state."""
        before = self.members.get(member.fingerprint)
        if before is not None:
            self._count(before, -1)
        self.members[member.fingerprint] = member
        self._count(member, 1)

    def drop(self, fingerprint: str) -> Member:
        """Let a member go."""
        member = self.members.pop(fingerprint)
        self._count(member, -1)
        self.signs.pop(fingerprint, None)
        return member

    def _count(self, member: Member, times: int) -> None:
        self.sure += times * member.strength
        if not member.active:
            return
        self.active += times
        if not member.suppressed:
            self.heard[min(4, max(0, member.severity))] += times
        elif times > 0:
            self.hidden[member.fingerprint] = None
        else:
            self.hidden.pop(member.fingerprint, None)

    def recall(self) -> list[str]:
        """Return the hidden members to tell of, now that the incident is serious: each once, and not hundreds."""
        found = []
        for one in self.hidden:
            member = self.members[one]
            if self._is_to_be_recalled(member):
                self.recalled[one] = None
                self.hiders.update(dict.fromkeys(member.suppressed_by))
                found.append(one)
        self.hidden.clear()
        return found

    def _is_to_be_recalled(self, member: Member) -> bool:
        if member.fingerprint in self.recalled:
            return False
        is_hidden_anew = len(self.hiders) < _HIDERS_KEPT and any(one not in self.hiders for one in member.suppressed_by)
        return len(self.recalled) < RECALLS or is_hidden_anew

    def note_name(self, name: str, at: int, fingerprint: str) -> None:
        """Remember that `name` was seen."""
        self.names.pop(name, None)
        self.names[name] = at, fingerprint
        if len(self.names) > NAMES_KEPT:
            del self.names[next(iter(self.names))]

    def weigh(self) -> bool:
        """Compute the severity anew; say whether it changed. Without an active member it stays as it was."""
        before = self.severity
        if self.active:
            worst = len(self.heard) - 1
            while worst and not self.heard[worst]:
                worst -= 1
            self.severity = worst
        return self.severity != before

    def view(self, kind: str, about: Collection[str], settings: CorrelationSettings) -> IncidentView:
        """Return the incident as a change of `kind` about some of its members tells it."""
        count = len(self.members)
        told = self._only(about) if kind in ABOUT_MEMBERS else tuple(self.members.values())[-settings.members :]
        return IncidentView(
            self.id,
            self.state,
            self.severity,
            self.title,
            self.first_seen,
            self.last_seen,
            told,
            count,
            self.causes,
            self.aliases,
            tuple(self.services),
            tuple(self.hosts),
            min(1.0, max(0.0, self.sure / count)) if count else 0.0,
        )

    def _only(self, fingerprints: Collection[str]) -> tuple[Member, ...]:
        """Return these members, in their order."""
        if len(fingerprints) == 1:  # as nearly always, and an incident may have hundreds
            [one] = fingerprints
            return (self.members[one],) if one in self.members else ()
        wanted = set(fingerprints)
        return tuple([member for one, member in self.members.items() if one in wanted])

    def snapshot(self) -> dict[str, Any]:
        """Return all there is to keep, with what depends on order as lists: maps may be read back in another one."""
        state: dict[str, Any] = msgspec.to_builtins(self)
        state["members"] = list(state["members"].values())
        for name in ("signs", "names"):
            state[name] = [[key, value] for key, value in state[name].items()]
        for name in _SETS:
            state[name] = list(state[name])
        return state

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Incident:
        """Return what `snapshot` was taken of."""
        state = dict(state)
        state["members"] = {one["fingerprint"]: one for one in state["members"]}
        for name in ("signs", "names"):
            state[name] = dict(state[name])
        for name in _SETS:
            state[name] = dict.fromkeys(state[name])
        return msgspec.convert(state, cls)
