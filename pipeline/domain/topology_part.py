"""A part of a tenant's topology, as one record of the topic control holds it: all parts together are the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.rule import RuleRef
from pipeline.domain.topology import Edge, Topology

if TYPE_CHECKING:
    from collections.abc import Iterable


class TopologyPart(msgspec.Struct, frozen=True):
    """Nodes by id with their types, edges, and which labels name nodes."""

    ref: RuleRef
    nodes: dict[str, str] = {}
    edges: tuple[Edge, ...] = ()
    labels: tuple[str, ...] | None = None  # None: the value of any label may be a node
    values: dict[str, str] = {}  # the node that a value stands for, where it is not the node's id


def joined(parts: Iterable[TopologyPart]) -> Topology | None:
    """Return the graph that all parts make, in the order of their ids; None where there is none."""
    ordered = sorted(parts, key=lambda part: part.ref.id)
    if not ordered:
        return None
    nodes = {node: kind for part in ordered for node, kind in part.nodes.items()}
    edges = [edge for part in ordered for edge in part.edges]
    values = {value: node for part in ordered for value, node in part.values.items()}
    labels: list[str] | None = []
    for part in ordered:
        labels = None if labels is None or part.labels is None else [*labels, *part.labels]
    return Topology(nodes, edges, labels=labels, values=values)
