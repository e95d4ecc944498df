from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.kubernetes_topology import KubernetesObject, Owner, kubernetes_topology
from pipeline.domain.topology import Edge, Topology

CHECKOUT = {"app": "checkout"}
DEPLOYMENT = Owner("Deployment", "checkout")


def of(kind: str, name: str, namespace: str = "shop", **fields: Any) -> KubernetesObject:
    return KubernetesObject(kind, name, "" if kind == "Node" else namespace, **fields)


NODE = of("Node", "node-7", addresses=("192.168.0.7",))
WORKLOAD = of("Deployment", "checkout")
REPLICAS = of("ReplicaSet", "checkout-7d9f", owner=DEPLOYMENT)
POD = of(
    "Pod",
    "checkout-7d9f-x",
    labels=CHECKOUT,
    owner=Owner("ReplicaSet", "checkout-7d9f"),
    runs_on="node-7",
    addresses=("10.0.0.7:8080",),
)


def edges(*objects: KubernetesObject) -> list[tuple[str, str, str]]:
    return [(one.source, one.label, one.target) for one in kubernetes_topology(objects).edges]


def test_a_pod_is_part_of_its_deployment_by_way_of_the_replica_set_and_runs_on_its_node() -> None:
    found = kubernetes_topology([NODE, WORKLOAD, REPLICAS, POD])
    assert found.nodes == {"node-7": "Node", "shop/checkout": "Deployment", "shop/checkout-7d9f-x": "Pod"}
    assert found.edges == (
        Edge("shop/checkout-7d9f-x", "node-7", "runs_on"),
        Edge("shop/checkout-7d9f-x", "shop/checkout", "part_of"),
    )


def test_the_order_of_the_objects_does_not_matter() -> None:
    objects = [NODE, WORKLOAD, REPLICAS, POD, of("Service", "front", selector=CHECKOUT), of("Ingress", "web")]
    assert kubernetes_topology(objects) == kubernetes_topology(reversed(objects))


def test_alerts_find_a_node_by_its_name_its_address_or_its_replica_set() -> None:
    found = kubernetes_topology([NODE, WORKLOAD, REPLICAS, POD])
    graph = Topology(found.nodes, found.edges, values=found.values)
    for value, node in (
        ("checkout", "shop/checkout"),
        ("shop/checkout", "shop/checkout"),
        ("checkout-7d9f", "shop/checkout"),
        ("checkout-7d9f-x", "shop/checkout-7d9f-x"),
        ("10.0.0.7:8080", "shop/checkout-7d9f-x"),
        ("node-7", "node-7"),
        ("192.168.0.7", "node-7"),
    ):
        assert graph.nodes_of({"any": value}) == (node,)


def test_a_service_and_the_workload_of_its_name_behind_it_are_one_node() -> None:
    found = kubernetes_topology([WORKLOAD, REPLICAS, POD, of("Service", "checkout", selector=CHECKOUT)])
    assert found.nodes["shop/checkout"] == "Deployment"
    assert [one for one in found.nodes if "checkout" in one] == ["shop/checkout", "shop/checkout-7d9f-x"]
    assert found.ambiguous == ()


def test_a_service_of_another_name_depends_on_the_workloads_that_it_selects() -> None:
    assert ("shop/front", "depends_on", "shop/checkout") in edges(
        WORKLOAD, REPLICAS, POD, of("Service", "front", selector=CHECKOUT)
    )


def test_a_service_that_selects_others_than_the_workload_of_its_name_is_a_node_of_its_own() -> None:
    found = kubernetes_topology([WORKLOAD, of("Service", "checkout", selector={"app": "other"})])
    assert found.nodes == {"shop/checkout": "Deployment", "shop/service/checkout": "Service"}
    assert found.values == {"checkout": "shop/checkout"}


def test_a_pod_that_nothing_owns_is_part_of_the_service_in_front_of_it() -> None:
    alone = of("Pod", "alone", labels=CHECKOUT)
    assert edges(alone, of("Service", "front", selector=CHECKOUT)) == [("shop/alone", "part_of", "shop/front")]


@pytest.mark.parametrize("selector", [{}, {"app": "cart"}, {"app": "checkout", "tier": "web"}])
def test_a_service_selects_no_pod_that_lacks_one_of_its_labels(selector: dict[str, str]) -> None:
    assert edges(of("Pod", "alone", labels=CHECKOUT), of("Service", "front", selector=selector)) == []


def test_a_service_selects_nothing_in_another_namespace() -> None:
    assert edges(of("Pod", "alone", labels=CHECKOUT), of("Service", "front", "blog", selector=CHECKOUT)) == []


def test_an_ingress_depends_on_its_services_as_they_are_called_in_the_end() -> None:
    service = of("Service", "checkout", selector={"app": "other"})
    ingress = of("Ingress", "web", services=("checkout", "not-there"))
    assert edges(WORKLOAD, service, ingress) == [("shop/web", "depends_on", "shop/service/checkout")]


def test_without_its_replica_set_a_pod_tells_its_deployment_by_the_hash() -> None:
    pod = of("Pod", "cart-5c-x", labels={"pod-template-hash": "5c"}, owner=Owner("ReplicaSet", "cart-5c"))
    found = kubernetes_topology([pod])
    assert found.nodes == {"shop/cart": "Deployment", "shop/cart-5c-x": "Pod"}


def test_an_owner_that_is_not_in_the_list_becomes_a_node_of_its_kind() -> None:
    pod = of("Pod", "db-0", owner=Owner("StatefulSet", "db"))
    found = kubernetes_topology([pod, of("StatefulSet", "db", owner=Owner("Postgres", "main"))])
    assert found.nodes == {"shop/db": "StatefulSet", "shop/db-0": "Pod", "shop/main": "Postgres"}
    assert [(one.source, one.target) for one in found.edges] == [("shop/db", "shop/main"), ("shop/db-0", "shop/db")]


def test_a_job_stands_for_its_cron_job() -> None:
    job = of("Job", "backup-1", owner=Owner("CronJob", "backup"))
    pod = of("Pod", "backup-1-x", owner=Owner("Job", "backup-1"))
    assert edges(of("CronJob", "backup"), job, pod) == [("shop/backup-1-x", "part_of", "shop/backup")]


def test_owners_in_a_circle_end() -> None:
    one = of("ReplicaSet", "one", owner=Owner("ReplicaSet", "two"))
    two = of("ReplicaSet", "two", owner=Owner("ReplicaSet", "one"))
    assert set(kubernetes_topology([one, two]).nodes) == {"shop/one", "shop/two"}


def test_a_service_in_front_of_a_pod_that_an_ingress_owns_depends_on_the_ingress() -> None:
    pod = of("Pod", "odd", labels=CHECKOUT, owner=Owner("Ingress", "web"))
    assert ("shop/front", "depends_on", "shop/web") in edges(pod, of("Service", "front", selector=CHECKOUT))


def test_a_pod_that_its_node_started_is_part_of_nothing() -> None:
    pod = of("Pod", "proxy-node-7", "kube-system", owner=Owner("Node", "node-7"), runs_on="node-7")
    assert edges(pod) == [("kube-system/proxy-node-7", "runs_on", "node-7")]


def test_a_name_in_two_namespaces_stands_for_neither() -> None:
    found = kubernetes_topology([of("StatefulSet", "db"), of("StatefulSet", "db", "blog")])
    assert (found.values, found.ambiguous) == ({}, ("db",))
    assert set(found.nodes) == {"shop/db", "blog/db"}


def test_other_kinds_and_names_that_no_node_can_have_are_counted_and_passed_over() -> None:
    objects = [of("ConfigMap", "a"), of("ConfigMap", "b"), of("Pod", "x" * 250), WORKLOAD]
    found = kubernetes_topology(objects)
    assert (found.skipped, found.nodes) == ({"ConfigMap": 2, "Pod": 1}, {"shop/checkout": "Deployment"})
