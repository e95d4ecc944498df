"""What is told of an incident: who belongs to it and why, what caused it, and what became of it."""

from __future__ import annotations

from typing import Final

import msgspec

ABOUT_MEMBERS: Final = frozenset(("joined", "left", "severity", "recalled"))
"""Changes that name only the members that they are about: the others were told when they joined."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """One reason why an alert belongs to an incident."""

    signal: str  # first, temporal, labels, topology, text, cooccurrence, feedback
    strength: float  # in [0, 1]
    lag_ms: int  # since what it is linked to
    of: str  # the fingerprint it is linked to; empty for the first alert
    detail: str = ""  # the label value, the node or the name that they share


class Member(msgspec.Struct, frozen=True, gc=False):
    """One alert of an incident."""

    fingerprint: str
    name: str
    severity: int
    joined_at: int
    why: tuple[Link, ...]  # the strongest first
    strength: float  # of all signals together: the probability that it belongs
    active: bool
    suppressed: bool
    suppressed_by: tuple[str, ...] = ()


class Cause(msgspec.Struct, frozen=True, gc=False):
    """A candidate for the root cause."""

    node: str  # of the topology, a label value, or a fingerprint where alerts name neither
    confidence: float  # those of one incident sum to 1
    evidence: tuple[str, ...]  # sentences for people


class IncidentView(msgspec.Struct, frozen=True, gc=False):
    """An incident as it is after a change, with the members that the change is about, or with all of them."""

    id: str
    state: str  # open, resolved, merged
    severity: int  # of its worst active member that is not suppressed; the worst it had, once resolved
    title: str
    first_seen: int
    last_seen: int
    members: tuple[Member, ...]  # in the order in which they joined
    member_count: int  # all that ever joined and did not leave; more than `members` where these are not all named
    root_causes: tuple[Cause, ...]  # the likeliest first
    aliases: tuple[str, ...]  # of incidents that were merged into it
    services: tuple[str, ...]
    hosts: tuple[str, ...]
    confidence: float  # mean probability that its members belong


class IncidentEvent(msgspec.Struct, frozen=True, gc=False):
    """One change of one incident."""

    kind: str  # opened, joined, left, merged, split, severity, root_cause, resolved, recalled
    incident: IncidentView
    about: tuple[str, ...] = ()  # fingerprints, or the id of the incident that was merged or split off
