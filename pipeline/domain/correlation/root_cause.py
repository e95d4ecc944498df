"""Which node is likeliest to have caused an incident.

What the alerts say for each node (voices.py) and what people said of causes before (root_lessons.py) count together.
Confidences go with a power of what speaks for a node, and a constant that little evidence does not outweigh; the more
alerts an incident has, the less it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.domain.correlation.root_lessons import names_by_node
from pipeline.domain.correlation.views import Cause
from pipeline.domain.correlation.voices import Voices

if TYPE_CHECKING:
    from pipeline.domain.correlation.background import Background
    from pipeline.domain.correlation.incident import Incident, Sign
    from pipeline.domain.correlation.root_lessons import RootLessons
    from pipeline.domain.topology import Topology

_SHARPNESS: Final = 3.5
_DOUBT: Final = 30.0  # added, divided by the number of alerts, to what speaks for each candidate, in that power
_SAID: Final = 0.9  # the confidence of what somebody said
_ALIKE: Final = 6.0  # how many times more speaks for what caused all the incidents that were like this one
_ALIKE_SILENT: Final = 0.9  # of what speaks for the loudest node: the same, where no alert is about it
_EVIDENCE: Final = 3


def subject_of(nodes: tuple[str, ...], topology: Topology | None, name: str = "") -> tuple[str, bool]:
    """Return the node that an alert about `nodes` speaks for, and whether it is about a call of it by another.

    An alert about one node whose name mentions what that node depends on is about a call.
    """
    if topology is None:
        return nodes[0], False
    on_hosts = [node for node in nodes if not topology.is_host(node)]
    if len(on_hosts) < 2:
        node = (on_hosts or list(nodes))[0]
        mentioned = topology.mentioned(node, name)
        return (node, False) if mentioned is None else (mentioned, True)
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
    voices = Voices(incident, topology, background)
    scores = voices.scores()
    if lessons:
        scores = _taught(scores, incident, topology, lessons)
    if incident.said_cause:
        others = sum(score**_SHARPNESS for node, score in scores.items() if node != incident.said_cause)
        scores[incident.said_cause] = (others * _SAID / (1.0 - _SAID)) ** (1.0 / _SHARPNESS) if others else 1.0
    doubt = 0.0 if incident.said_cause else _DOUBT / max(1, len(incident.signs))
    best = sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:most]
    total = sum(score**_SHARPNESS + doubt for _, score in best)
    return tuple(
        Cause(
            node,
            (score**_SHARPNESS + doubt) / total,
            _evidence(node, voices, incident, background, lessons, topology),
        )
        for node, score in best
    )


def _taught(
    scores: dict[str, float], incident: Incident, topology: Topology | None, lessons: RootLessons
) -> dict[str, float]:
    """Return the scores with what people said of the causes of other incidents."""
    names = names_by_node(((sign.node, sign.name) for sign in incident.signs.values()), topology)
    found = {node: one * lessons.factor(node, names.get(node, ()), len(scores)) for node, one in scores.items()}
    loudest = max(found.values(), default=0.0)
    for node, share in lessons.of_alike(names).items():
        found[node] = found[node] * (1.0 + _ALIKE * share) if node in found else _ALIKE_SILENT * share * loudest
    return found


def _evidence(
    node: str,
    voices: Voices,
    incident: Incident,
    background: Background,
    lessons: RootLessons,
    topology: Topology | None,
) -> tuple[str, ...]:
    said = ["somebody said so"] if node == incident.said_cause else []
    if lessons.times(node):
        said.append(f"was the cause of {lessons.times(node)} of {len(lessons)} incidents whose cause somebody told")
    own, calls = voices.own, voices.calls
    parts = topology.parts.get(node, []) if topology is not None else []
    speaking = [part for part in parts if part in own or part in calls]
    if speaking:
        said.append(f"{len(speaking)} of its {len(parts)} instances have alerts")
    begin = min((sign.at for sign in incident.signs.values()), default=0)
    for _, fingerprint in sorted([*own.get(node, ()), *calls.get(node, ())], key=lambda one: (-one[0], one[1])):
        if len(said) >= _EVIDENCE:
            break
        said.append(_sentence(fingerprint, incident.signs[fingerprint], background, begin))
    return tuple(said)


def _sentence(fingerprint: str, sign: Sign, background: Background, begin: int) -> str:
    times, incidents = background.times(fingerprint), background.incidents
    after = f"{(sign.at - begin) / 1000:.0f} s after the first alert"
    return f"{sign.name}, {after}, was in {times} of {incidents} incidents before"
