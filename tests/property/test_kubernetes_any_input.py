"""Whatever is in a list of Kubernetes objects: a topology that a control folder takes, or a message."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from pipeline.control.topology_documents import KIND, topology_documents
from pipeline.domain.errors import ConfigurationError
from pipeline.domain.kubernetes_topology import KINDS, kubernetes_topology
from pipeline.domain.topology import Topology
from pipeline.schemas.control_records import ControlKey
from pipeline.schemas.kubernetes import objects_of

KEY: Final = ControlKey("acme", KIND, "kubernetes")
names = st.sampled_from(["a", "b", "a-5c", "node-1", "x" * 250, "\x1b", "é"]) | st.text(min_size=1, max_size=3)
kinds = st.sampled_from([*sorted(KINDS), "Rollout", "ConfigMap"])
texts = st.dictionaries(st.sampled_from(["app", "pod-template-hash"]), st.sampled_from(["a", "5c", ""]), max_size=2)
owners = st.lists(
    st.fixed_dictionaries({"kind": kinds, "name": names}, optional={"controller": st.booleans()}), max_size=2
)
objects = st.fixed_dictionaries(
    {
        "kind": kinds,
        "metadata": st.fixed_dictionaries(
            {"name": names},
            optional={"namespace": st.sampled_from(["a", "shop"]), "labels": texts, "ownerReferences": owners},
        ),
    },
    optional={
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "nodeName": names,
                "selector": texts,
                "defaultBackend": st.fixed_dictionaries({"service": st.fixed_dictionaries({"name": names})}),
            },
        ),
        "status": st.fixed_dictionaries({}, optional={"podIP": names, "phase": names}),
    },
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "metadata", "spec", "items", "name"]), inside)
    ),
    max_leaves=12,
)


@given(st.lists(objects, min_size=1, max_size=12), st.randoms())
def test_a_list_is_a_graph_that_a_control_folder_takes_whatever_its_order(items: list[Any], chance: Any) -> None:
    unique = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in items}
    shuffled = [*unique.values()]
    chance.shuffle(shuffled)
    found = kubernetes_topology(objects_of({"kind": "List", "items": [*unique.values()]}, "list"))
    again = kubernetes_topology(objects_of({"kind": "List", "items": shuffled}, "list"))
    assert again == found
    assert {edge.source for edge in found.edges} <= found.nodes.keys()
    topology_documents(KEY, found, "imported")
    graph = Topology(found.nodes, found.edges, values=found.values)
    assert all(node in graph for node in found.values.values())


@given(values)
def test_what_is_no_list_of_objects_is_told(value: Any) -> None:
    try:
        kubernetes_topology(objects_of(value, "list"))
    except ConfigurationError as error:
        assert str(error).startswith("list")
