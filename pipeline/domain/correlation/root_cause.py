"""Which node is likeliest to have caused an incident.

Each alert speaks for one node: the one that it is about, or of two nodes the one that the other depends on. It
speaks the louder the more unusual it is in the tenant's incidents, and the earlier it came. A host speaks louder than
what runs on it, for its alerts are fewer. A whole (a service) takes the place of its parts where all of them speak, as
much as they speak alike. An alert that many nodes have at once tells less of each. What people said of causes before
counts as well (root_lessons.py). Confidences go with a power of what speaks for a node, and a constant that little
evidence does not outweigh.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pipeline.domain.correlation.root_lessons import names_by_node
from pipeline.domain.correlation.views import Cause

if TYPE_CHECKING:
    from pipeline.domain.correlation.background import Background
    from pipeline.domain.correlation.incident import Incident, Sign
    from pipeline.domain.correlation.root_lessons import RootLessons
    from pipeline.domain.topology import Topology

_EARLY_MS: Final = 60_000
_LATE: Final = 0.15  # what a late alert counts at least
_UNUSUAL: Final = 1.5  # power of the bits that say how unusual an alert is
_COMMON: Final = 1.0  # power of the number of nodes that have an alert of one name at once: it tells less of each
_CALLS: Final = 0.1  # what alerts about calls count beside alerts about the node itself
_HOST: Final = 1.2
_SHARPNESS: Final = 2.5
_DOUBT: Final = 0.5  # added to what speaks for each candidate, in that power: little evidence makes nobody sure
_BESIDE: Final = 0.4  # what speaks for a silent node, of what speaks for the loudest one next to it
_SAID: Final = 0.9  # the confidence of what somebody said
_EVIDENCE: Final = 3

Spoken = tuple[float, str]  # how loud, and the fingerprint


def subject_of(nodes: tuple[str, ...], topology: Topology | None) -> tuple[str, bool]:
    """Return the node that an alert about `nodes` speaks for, and whether it is about a call between two."""
    if topology is None or len(nodes) == 1:
        return nodes[0], False
    on_hosts = [node for node in nodes if not topology.is_host(node)]
    if len(on_hosts) < 2:
        return (on_hosts or list(nodes))[0], False
    one, other = on_hosts[:2]
    if topology.calls(other, one) and not topology.calls(one, other):
        return one, True
    return other if topology.calls(one, other) else one, True


def rank(
    incident: Incident, topology: Topology | None, background: Background, lessons: RootLessons, most: int
) -> tuple[Cause, ...]:
    """Return the likeliest causes first, at most `most`; their confidences sum to 1."""
    if len(incident.signs) == 1 and topology is None and not incident.said_cause:  # as most incidents begin
        fingerprint, sign = next(iter(incident.signs.items()))
        return (Cause(sign.node, 1.0, (_sentence(fingerprint, sign, background, sign.at),)),)
    own: dict[str, list[Spoken]] = defaultdict(list)
    calls: dict[str, list[Spoken]] = defaultdict(list)
    begin = min((sign.at for sign in incident.signs.values()), default=0)
    alike: dict[str, set[str]] = defaultdict(set)
    for sign in incident.signs.values():
        alike[sign.name].add(sign.node)
    for fingerprint, sign in incident.signs.items():
        early = _LATE + (1.0 - _LATE) * math.exp(-(sign.at - begin) / _EARLY_MS)
        loud = background.surprise(fingerprint, sign.name) ** _UNUSUAL * early / len(alike[sign.name]) ** _COMMON
        (calls if sign.is_call else own)[sign.node].append((loud, fingerprint))
    scores = {node: _voice(own.get(node, ()), calls.get(node, ()), node, topology) for node in {**own, **calls}}
    if topology is not None:
        scores = _with_silent(_with_wholes(scores, topology), topology)
    if lessons:
        names = names_by_node(((sign.node, sign.name) for sign in incident.signs.values()), topology)
        scores = {node: one * lessons.factor(node, names.get(node, ()), len(scores)) for node, one in scores.items()}
    if incident.said_cause:
        others = sum(score**_SHARPNESS for node, score in scores.items() if node != incident.said_cause)
        scores[incident.said_cause] = (others * _SAID / (1.0 - _SAID)) ** (1.0 / _SHARPNESS) if others else 1.0
    doubt = 0.0 if incident.said_cause else _DOUBT
    best = sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:most]
    total = sum(score**_SHARPNESS + doubt for _, score in best)
    return tuple(
        Cause(
            node,
            (score**_SHARPNESS + doubt) / total,
            _evidence(node, own, calls, incident, background, lessons, topology, begin),
        )
        for node, score in best
    )


def _voice(
    own: tuple[()] | list[Spoken], calls: tuple[()] | list[Spoken], node: str, topology: Topology | None
) -> float:
    """Return how much speaks for a node. The root, because many alerts of one node say much the same."""
    voice = math.sqrt(sum(loud for loud, _ in own)) + _CALLS * math.sqrt(sum(loud for loud, _ in calls))
    return voice * _HOST if topology is not None and topology.is_host(node) else voice


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


def _evidence(
    node: str,
    own: dict[str, list[Spoken]],
    calls: dict[str, list[Spoken]],
    incident: Incident,
    background: Background,
    lessons: RootLessons,
    topology: Topology | None,
    begin: int,
) -> tuple[str, ...]:
    said = ["somebody said so"] if node == incident.said_cause else []
    if lessons.times(node):
        said.append(f"was the cause of {lessons.times(node)} of {len(lessons)} incidents whose cause somebody told")
    parts = topology.parts.get(node, []) if topology is not None else []
    speaking = [part for part in parts if part in own or part in calls]
    if speaking:
        said.append(f"{len(speaking)} of its {len(parts)} instances have alerts")
    for _, fingerprint in sorted([*own.get(node, ()), *calls.get(node, ())], key=lambda one: (-one[0], one[1])):
        if len(said) >= _EVIDENCE:
            break
        said.append(_sentence(fingerprint, incident.signs[fingerprint], background, begin))
    return tuple(said)


def _sentence(fingerprint: str, sign: Sign, background: Background, begin: int) -> str:
    times, incidents = background.times(fingerprint), background.incidents
    after = f"{(sign.at - begin) / 1000:.0f} s after the first alert"
    return f"{sign.name}, {after}, was in {times} of {incidents} incidents before"
