"""What a tenant's systems are made of: nodes, typed edges, and which label values name a node.

Edges of any vocabulary are read as one of four relations. `hosts`, `has_instance` and the like are their own
opposites turned round, so both ways of writing an edge give the same graph.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_KEPT: Final = 4096  # neighbourhoods remembered
_WIDEST: Final = 256  # nodes in one neighbourhood: a hub is near to everything, which says nothing
REACH: Final = 3
_SHORTEST_MENTION: Final = 4  # letters and digits: "db" is in too many words
_NO_LETTER: Final = re.compile(r"[^a-z0-9]+")


class Relation(StrEnum):
    """What an edge says of its source."""

    DEPENDS_ON = "depends_on"  # it calls, reads or writes the target
    RUNS_ON = "runs_on"  # the target is its host
    PART_OF = "part_of"  # it is an instance of the target
    RELATED = "related"  # anything else


_READ_AS: Final[dict[str, tuple[Relation, bool]]] = {  # label -> relation, and whether source and target are swapped
    **dict.fromkeys(("control_flow", "data_flow", "depends_on", "calls", "uses"), (Relation.DEPENDS_ON, False)),
    **dict.fromkeys(("called_by", "used_by"), (Relation.DEPENDS_ON, True)),
    **dict.fromkeys(("hosted_on", "runs_on", "scheduled_on"), (Relation.RUNS_ON, False)),
    **dict.fromkeys(("hosts", "runs"), (Relation.RUNS_ON, True)),
    **dict.fromkeys(("instance_of", "part_of", "member_of", "owned_by"), (Relation.PART_OF, False)),
    **dict.fromkeys(("has_instance", "has_part", "has_member", "owns"), (Relation.PART_OF, True)),
}


class Edge(msgspec.Struct, frozen=True):
    """One edge as it was written."""

    source: str
    target: str
    label: str = "depends_on"


class Topology:
    """A graph of nodes, asked for what is near, what depends on what, and which nodes an alert is about."""

    def __init__(
        self,
        nodes: Mapping[str, str],
        edges: Iterable[Edge],
        *,
        labels: Sequence[str] | None = None,
        values: Mapping[str, str] | None = None,
    ) -> None:
        """Build the graph of `nodes` (id -> type).

        `labels` are the names of the labels whose values may be nodes, None for any; `values` says which node
        a value stands for where it is not a node's own id. An edge to an unknown node brings that node in.
        """
        self.types = dict(nodes)
        self._labels = None if labels is None else frozenset(labels)
        self._values = dict(values or {})
        self.depends_on: dict[str, list[str]] = {}
        self.dependants: dict[str, list[str]] = {}
        self.host_of: dict[str, list[str]] = {}
        self.hosted: dict[str, list[str]] = {}
        self.whole_of: dict[str, list[str]] = {}
        self.parts: dict[str, list[str]] = {}
        self._beside: dict[str, dict[str, None]] = {}
        self._near: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._mentioned: dict[tuple[str, str], str | None] = {}
        for edge in edges:
            self._add(edge)

    def _add(self, edge: Edge) -> None:
        relation, swapped = _READ_AS.get(edge.label.lower(), (Relation.RELATED, False))
        source, target = (edge.target, edge.source) if swapped else (edge.source, edge.target)
        for node in (source, target):
            self.types.setdefault(node, "")
        if source == target:
            return
        self._beside.setdefault(source, {})[target] = None
        self._beside.setdefault(target, {})[source] = None
        if relation is Relation.RELATED:
            return
        there, back = {
            Relation.DEPENDS_ON: (self.depends_on, self.dependants),
            Relation.RUNS_ON: (self.host_of, self.hosted),
            Relation.PART_OF: (self.whole_of, self.parts),
        }[relation]
        if target not in there.setdefault(source, []):
            there[source].append(target)
            back.setdefault(target, []).append(source)

    def __contains__(self, node: str) -> bool:
        return node in self.types

    def __len__(self) -> int:
        return len(self.types)

    def nodes_of(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return the nodes that an alert's labels name, each once, in the order of the labels' names."""
        found: dict[str, None] = {}
        for label in sorted(labels):
            if self._labels is not None and label not in self._labels:
                continue
            value = labels[label]
            node = self._values.get(value, value)
            if node in self.types:
                found[node] = None
        return tuple(found)

    def near(self, node: str) -> tuple[tuple[str, ...], ...]:
        """Return the nodes 0, 1, … `REACH` edges away; about 256 at most, so not all around a hub."""
        known = self._near.get(node)
        if known is not None:
            return known
        found = {node} if node in self.types else set()
        rings = [tuple(found)]
        for _ in range(REACH):
            ring = dict.fromkeys(one for at in rings[-1] for one in self._beside.get(at, ()) if one not in found)
            rings.append(tuple(ring)[: max(0, _WIDEST - len(found))])
            found.update(rings[-1])
        if len(self._near) >= _KEPT:
            self._near.clear()
        self._near[node] = near = tuple(rings)
        return near

    def distance(self, one: str, other: str) -> int | None:
        """Return how many edges lie between two nodes; None for more than `REACH`."""
        return next((number for number, ring in enumerate(self.near(one)) if other in ring), None)

    def service_of(self, node: str) -> str:
        """Return what a node is an instance of; the node itself where it is of nothing."""
        wholes = self.whole_of.get(node)
        return wholes[0] if wholes else node

    def calls(self, caller: str, callee: str) -> bool:
        """Say whether one node depends on another, by themselves or by what they are instances of."""
        targets = self.depends_on.get(caller, ())
        if callee in targets:
            return True
        whole = self.service_of(callee)
        return whole in self.depends_on.get(self.service_of(caller), ()) or whole in targets

    def mentioned(self, node: str, text: str) -> str | None:
        """Return which of the nodes that `node`, or what it is an instance of, depends on `text` names, if any.

        Letter case and all but letters and digits are passed over; of several the longest name is meant. A hub, which
        depends on more than 256 nodes, mentions none.
        """
        own, whole = self.depends_on.get(node, ()), self.depends_on.get(self.service_of(node), ())
        if not text or not 0 < len(own) + len(whole) <= _WIDEST:
            return None
        key = node, text
        if key not in self._mentioned:
            if len(self._mentioned) >= _KEPT:
                self._mentioned.clear()
            said = _letters(text)
            names = {one: _letters(one) for one in (*own, *whole)}
            found = [one for one, name in names.items() if len(name) >= _SHORTEST_MENTION and name in said]
            self._mentioned[key] = max(found, key=len, default=None)
        return self._mentioned[key]

    def is_isolated(self, node: str) -> bool:
        """Say whether the node has no edge."""
        return node not in self._beside

    def is_host(self, node: str) -> bool:
        """Say whether anything runs on this node."""
        return node in self.hosted


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text.lower())
