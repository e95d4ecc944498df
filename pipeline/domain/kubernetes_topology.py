"""The topology that a list of Kubernetes objects tells of: what owns what, what runs where, what leads to what.

A node of the graph is called namespace/name, and a Kubernetes node by its name alone. A replica set that has an owner
stands for it, and so does a job: pods are parts of the deployment itself. A service and the workload of its name behind
it are one node; any other service depends on the workloads whose pods it selects.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.topology import Edge, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

POD: Final = "Pod"
NODE: Final = "Node"
SERVICE: Final = "Service"
INGRESS: Final = "Ingress"
WORKLOADS: Final = frozenset(
    ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController")
)
KINDS: Final = WORKLOADS | {POD, NODE, SERVICE, INGRESS}
"""What is read; anything else is passed over, unless it owns something."""

_FOLDED: Final = {"ReplicaSet": "Deployment", "Job": "CronJob"}
"""Kinds that their owners stand for."""
_LAST: Final = (*_FOLDED, SERVICE, INGRESS, POD)
"""Of several kinds with one name, these are called so after any other, in this order."""
_HASH: Final = "pod-template-hash"
_HIGHEST: Final = 8  # owners above one another
_LONGEST: Final = 256  # characters of a node's id
_Key = tuple[str, str, str]  # namespace, kind, name


class Owner(msgspec.Struct, frozen=True):
    """What an object belongs to, in its own namespace."""

    kind: str
    name: str


class KubernetesObject(msgspec.Struct, frozen=True):
    """One object, as far as it tells of the topology."""

    kind: str
    name: str
    namespace: str = ""
    labels: dict[str, str] = {}
    owner: Owner | None = None
    runs_on: str = ""  # of a pod: the name of its node
    selector: dict[str, str] = {}  # of a service: labels of its pods
    services: tuple[str, ...] = ()  # of an ingress: where it leads to
    addresses: tuple[str, ...] = ()  # values of labels that mean this object and no other

    @property
    def key(self) -> _Key:
        """Return what tells it from all others."""
        return self.namespace, self.kind, self.name

    @property
    def is_bearable(self) -> bool:
        """Say whether its id can be that of a node, with its kind in it."""
        return len(self.namespace) + len(self.kind) + len(self.name) + 2 <= _LONGEST


class KubernetesTopology(msgspec.Struct, frozen=True):
    """A graph, and what did not become part of it."""

    nodes: dict[str, str]  # id -> kind
    edges: tuple[Edge, ...]
    values: dict[str, str]  # what a label may say -> id
    skipped: dict[str, int]  # objects by kind
    ambiguous: tuple[str, ...]  # names that several objects have


def kubernetes_topology(objects: Iterable[KubernetesObject]) -> KubernetesTopology:
    """Return the graph of some objects; the same whatever their order."""
    skipped: Counter[str] = Counter()
    known: dict[_Key, KubernetesObject] = {}
    for one in objects:
        if one.kind in KINDS and one.is_bearable:
            known[one.key] = one
        else:
            skipped[one.kind] += 1
    for one in [*known.values()]:
        owner = _owner_of(one, known)
        if owner is not None and owner.is_bearable:
            known.setdefault(owner.key, owner)
    graph = _Graph({key: known[key] for key in sorted(known)})
    graph.draw()
    values, ambiguous = graph.values()
    nodes, edges = dict(sorted(graph.nodes.items())), tuple(Edge(*edge) for edge in sorted(graph.edges))
    return KubernetesTopology(nodes, edges, values, dict(sorted(skipped.items())), ambiguous)


def _owner_of(one: KubernetesObject, known: Mapping[_Key, KubernetesObject]) -> KubernetesObject | None:
    """Return the owner, as far as it can be told from what it owns where it is not known itself."""
    owner = one.owner
    if owner is None or owner.kind == NODE:  # a node owns the pods that it starts by itself
        return None
    found = known.get((one.namespace, owner.kind, owner.name))
    if found is not None:
        return found
    suffix = f"-{one.labels.get(_HASH, '')}"
    if owner.kind == "ReplicaSet" and len(suffix) > 1 and owner.name.endswith(suffix):
        return KubernetesObject(_FOLDED[owner.kind], owner.name.removesuffix(suffix), one.namespace)
    return KubernetesObject(owner.kind, owner.name, one.namespace)


class _Graph:
    def __init__(self, known: Mapping[_Key, KubernetesObject]) -> None:
        self.nodes: dict[str, str] = {}
        self.edges: set[tuple[str, str, str]] = set()
        self._known = known
        self._meant: dict[str, set[str]] = defaultdict(set)  # what a label may say -> ids
        self._called: dict[tuple[str, str], str] = {}  # namespace and name -> the kind that is called so
        for namespace, kind, name in sorted(known, key=_rank):
            self._called.setdefault((namespace, name), kind)
        self._pods: dict[str, list[tuple[KubernetesObject, str]]] = defaultdict(list)  # by namespace, with their wholes
        self._services: dict[tuple[str, str], str] = {}

    def draw(self) -> None:
        """Bring every object in: pods before the services in front of them."""
        by_kind: dict[str, list[KubernetesObject]] = defaultdict(list)
        for one in self._known.values():
            by_kind[one.kind].append(one)
        for kind in sorted(by_kind.keys() - {POD, SERVICE, INGRESS}):
            for one in by_kind[kind]:
                self._whole(one)
        for draw, kind in ((self._pod, POD), (self._service, SERVICE), (self._ingress, INGRESS)):
            for one in by_kind[kind]:
                draw(one)

    def values(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return what each value means, and those that mean several nodes."""
        unclear = sorted(value for value, ids in self._meant.items() if len(ids) > 1 and value not in self.nodes)
        clear = {value: min(ids) for value, ids in sorted(self._meant.items()) if len(ids) == 1}
        return {value: node for value, node in clear.items() if value not in self.nodes}, tuple(unclear)

    def _id_of(self, one: KubernetesObject) -> str:
        """Return the id of an object: of several kinds with one name, all but one say their kind."""
        if one.kind == NODE or not one.namespace:
            return one.name
        if self._called.get((one.namespace, one.name), one.kind) == one.kind:
            return f"{one.namespace}/{one.name}"
        return f"{one.namespace}/{one.kind.lower()}/{one.name}"

    def _mean(self, one: KubernetesObject, node: str) -> None:
        """Note which values of labels mean an object's node."""
        if self._called[one.namespace, one.name] == one.kind:
            for value in (one.name, f"{one.namespace}/{one.name}"):
                self._meant[value.removeprefix("/")].add(node)
        for address in one.addresses:
            self._meant[address].add(node)

    def _whole(self, one: KubernetesObject) -> None:
        stands_for = self._stands_for(one)
        node = self._id_of(stands_for)
        self.nodes[node] = stands_for.kind
        self._mean(one, node)
        if stands_for is one:
            self._part_of(node, one)

    def _pod(self, one: KubernetesObject) -> None:
        node = self._id_of(one)
        self.nodes[node] = POD
        self._mean(one, node)
        self._pods[one.namespace].append((one, self._part_of(node, one)))
        if one.runs_on and len(one.runs_on) <= _LONGEST:
            self.nodes.setdefault(one.runs_on, NODE)
            self.edges.add((node, one.runs_on, Relation.RUNS_ON.value))

    def _part_of(self, node: str, one: KubernetesObject) -> str:
        """Make an object a part of its owner; return the owner's id, or the object's own where it has none."""
        owner = _owner_of(one, self._known)
        if owner is None or not owner.is_bearable:
            return node
        whole = self._id_of(self._stands_for(owner))
        if whole != node:
            self.edges.add((node, whole, Relation.PART_OF.value))
        return whole

    def _stands_for(self, one: KubernetesObject) -> KubernetesObject:
        """Return the owner of a replica set or a job that has one, and anything else as it is."""
        for _ in range(_HIGHEST):
            owner = _owner_of(one, self._known)
            if one.kind not in _FOLDED or owner is None or not owner.is_bearable:
                break
            one = owner
        return one

    def _service(self, one: KubernetesObject) -> None:
        wholes = dict.fromkeys(whole for pod, whole in self._pods[one.namespace] if _selects(one.selector, pod.labels))
        called = f"{one.namespace}/{one.name}"
        node = called if called in wholes else self._id_of(one)
        self.nodes.setdefault(node, SERVICE)
        self._services[one.namespace, one.name] = node
        self._mean(one, node)
        for whole in wholes:
            if whole == node:
                continue
            if self.nodes.get(whole) == POD:  # nothing else is behind it
                self.edges.add((whole, node, Relation.PART_OF.value))
            else:
                self.edges.add((node, whole, Relation.DEPENDS_ON.value))

    def _ingress(self, one: KubernetesObject) -> None:
        node = self._id_of(one)
        self.nodes[node] = INGRESS
        self._mean(one, node)
        for name in one.services:
            service = self._services.get((one.namespace, name))
            if service is not None:
                self.edges.add((node, service, Relation.DEPENDS_ON.value))


def _rank(key: _Key) -> tuple[int, _Key]:
    return (_LAST.index(key[1]) + 1 if key[1] in _LAST else 0), key


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and all(labels.get(label) == value for label, value in selector.items())
