"""How loud the alerts of an incident speak for each node as its cause.

Each alert speaks for one node: the louder the more unusual it is in the tenant's incidents, and the earlier it came.
An alert that many nodes have at once tells less of each. Of a node's alerts whose names differ by numbers only (its
cores, its disks) the loudest counts, and what is critical counts more than a warning. A host speaks louder than what
runs on it, for its alerts are fewer; a node that the topology does not know speaks more softly.

A whole (a service) takes the place of its parts where all of them speak, as much as they speak alike. A service that
depends on another one that speaks as well only shows what that one has.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.domain.correlation.background import Background
    from pipeline.domain.correlation.incident import Incident
    from pipeline.domain.topology import Topology

_EARLY_MS: Final = 60_000
_LATE: Final = 0.2  # what a late alert counts at least
_UNUSUAL: Final = 1.5  # power of the bits that say how unusual an alert is
_ENOUGH: Final = 10.0  # bits: how unusual an alert is counts half from here, and never counts more than this
_CRITICAL: Final = {3: 2.0, 4: 4.0}  # what alerts of a severity count, where others count 1
_CALLS: Final = 0.1  # what alerts about calls count beside alerts about the node itself
_HOST: Final = 1.2
_UNKNOWN: Final = 0.5
_EXPLAINED: Final = 0.8  # how much of what speaks for a service the louder voice of what it depends on takes away
_BESIDE: Final = 0.25  # what speaks for a silent node, of what speaks for the loudest one next to it
_NUMBER: Final = re.compile(r"\d+")

Spoken = tuple[float, str]  # how loud, and the fingerprint


@lru_cache(maxsize=4096)
def family_of(name: str) -> str:
    """Return an alert name without its numbers."""
    return _NUMBER.sub("#", name)


class Voices:
    """What the alerts of one incident say, by node: of the node itself, and of calls to it."""

    __slots__ = ("_families", "_topology", "calls", "own")

    def __init__(self, incident: Incident, topology: Topology | None, background: Background) -> None:
        self.own: dict[str, list[Spoken]] = defaultdict(list)
        self.calls: dict[str, list[Spoken]] = defaultdict(list)
        self._families: dict[str, dict[str, float]] = defaultdict(dict)
        self._topology = topology
        signs, members = incident.signs, incident.members
        begin = min((sign.at for sign in signs.values()), default=0)
        alike: dict[str, set[str]] = defaultdict(set)
        for sign in signs.values():
            alike[sign.name].add(sign.node)
        for fingerprint, sign in signs.items():
            early = _LATE + (1.0 - _LATE) * math.exp(-(sign.at - begin) / _EARLY_MS)
            bits = background.surprise(fingerprint, sign.name)
            loud = (bits / (1.0 + bits / _ENOUGH)) ** _UNUSUAL * early / len(alike[sign.name])
            if sign.is_call:
                self.calls[sign.node].append((loud, fingerprint))
                continue
            member = members.get(fingerprint)
            loud *= _CRITICAL.get(member.severity, 1.0) if member is not None else 1.0
            self.own[sign.node].append((loud, fingerprint))
            family, loudest = family_of(sign.name), self._families[sign.node]
            loudest[family] = max(loud, loudest.get(family, 0.0))

    def scores(self) -> dict[str, float]:
        """Return how much speaks for each candidate, the silent ones too."""
        scores = {node: self._score(node) for node in {**self.own, **self.calls}}
        topology = self._topology
        if topology is None:
            return scores
        return _with_silent(_explained(_with_wholes(scores, topology), topology), topology)

    def _score(self, node: str) -> float:
        """Return how much speaks for a node. The root, because many alerts of one node say much the same."""
        own, calls = self._families.get(node, {}).values(), self.calls.get(node, ())
        score = math.sqrt(sum(own)) + _CALLS * math.sqrt(sum(loud for loud, _ in calls))
        if self._topology is None:
            return score
        return score * (_HOST if self._topology.is_host(node) else 1.0 if node in self._topology else _UNKNOWN)


def _with_wholes(scores: dict[str, float], topology: Topology) -> dict[str, float]:
    """Return the scores with those of what the nodes are parts of."""
    found = dict(scores)
    for whole in dict.fromkeys(topology.service_of(node) for node in scores):
        parts = topology.parts.get(whole)
        if not parts:
            continue
        heard = sorted((scores.get(part, 0.0) for part in parts), reverse=True)
        alike = sum(heard[1:]) / ((len(heard) - 1) * heard[0]) if len(heard) > 1 and heard[0] else 0.0
        found[whole] = scores.get(whole, 0.0) + sum(heard) / math.sqrt(len(heard)) * alike
    return found


def _explained(scores: dict[str, float], topology: Topology) -> dict[str, float]:
    """Return the scores without what services show of the services that they depend on."""
    found = dict(scores)
    for whole, score in scores.items():
        if whole not in topology.parts:
            continue
        below = (one for one in topology.depends_on.get(whole, ()) if one in topology.parts)
        found[whole] = score - _EXPLAINED * min(score, max((scores.get(one, 0.0) for one in below), default=0.0))
    return found


def _with_silent(scores: dict[str, float], topology: Topology) -> dict[str, float]:
    """Return the scores with those of nodes that no alert is about, but what depends on them or runs on them is."""
    silent: dict[str, float] = {}
    for node, score in scores.items():
        whole = topology.service_of(node)
        below = (*topology.host_of.get(node, ()), *topology.depends_on.get(whole, ()), whole)
        for other in below:
            for one in (other, *topology.parts.get(other, ())):
                if one not in scores:
                    silent[one] = max(silent.get(one, 0.0), _BESIDE * score)
    return {**scores, **silent}
