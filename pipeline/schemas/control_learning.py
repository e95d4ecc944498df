"""Domain objects from the specs of what the models go by: topologies and opinions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.domain.opinion import OF_ALERTS, Opinion, Says
from pipeline.domain.severity import LABELS, severity_of
from pipeline.domain.topology import Edge
from pipeline.domain.topology_part import TopologyPart
from pipeline.schemas.control_problems import InvalidControlError, shown

if TYPE_CHECKING:
    from pipeline.domain.rule import RuleRef
    from pipeline.schemas.control_specs import EdgeSpec, FeedbackSpec, TopologySpec

_FIELDS: Final = {
    Says.BELONGS: ("incident", "fingerprint"),
    Says.DOES_NOT_BELONG: ("incident", "fingerprint"),
    Says.ROOT_CAUSE: ("incident", "node"),
    Says.NOISE: ("name",),
    Says.WANTED: ("name",),
}


def topology(ref: RuleRef, spec: TopologySpec) -> TopologyPart:
    """Return the part of a graph."""
    nodes = {node: "" for node in spec.nodes if isinstance(node, str)}
    nodes |= {node.id: node.type for node in spec.nodes if not isinstance(node, str)}
    edges = tuple([_edge(place, edge) for place, edge in enumerate(spec.edges)])
    return TopologyPart(ref, nodes, edges, spec.labels, dict(spec.values))


def _edge(place: int, edge: EdgeSpec) -> Edge:
    source, target = edge.source or edge.from_, edge.target or edge.to
    if source is None or target is None:
        remedy = "Write both ends, such as {source: checkout, target: cart, label: calls}"
        raise InvalidControlError(("spec", "edges", place), "is an edge with one end", remedy)
    return Edge(source, target, edge.label or edge.type or "depends_on")


def opinion(ref: RuleRef, spec: FeedbackSpec) -> Opinion:
    """Return what somebody says."""
    says = Says(spec.says)
    for field in _FIELDS[says]:
        if not getattr(spec, field):
            what = "which alerts" if says in OF_ALERTS else "what it is about"
            raise InvalidControlError(("spec", field), "is missing", f"Write {what}: {says.value} needs {field}")
    severity = severity_of(spec.severity)
    if severity is None:
        raise InvalidControlError(
            ("spec", "severity"), f"{shown(spec.severity)} is no severity", f"Write one of {', '.join(LABELS)}"
        )
    return Opinion(
        ref, says, spec.incident, spec.fingerprint, spec.node, spec.name, spec.source, spec.instance, severity
    )
