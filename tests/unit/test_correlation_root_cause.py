from __future__ import annotations

import pytest

from pipeline.domain.correlation.background import Background
from pipeline.domain.correlation.incident import Incident, Sign
from pipeline.domain.correlation.root_cause import rank, subject_of
from pipeline.domain.correlation.root_lessons import RootLessons
from pipeline.domain.correlation.views import Member
from pipeline.domain.topology import Edge, Topology

SHOP = Topology(
    {},
    [
        Edge("front", "cart", "control_flow"),
        *(Edge(f"{name}-{number}", name, "instance_of") for name in ("front", "cart") for number in (0, 1, 2)),
        *(
            Edge(f"{name}-{number}", f"node-{number}", "hosted_on")
            for name in ("front", "cart")
            for number in (0, 1, 2)
        ),
    ],
)


def incident(*signs: tuple[str, str, int]) -> Incident:
    """Return an incident with alerts: name, node, seconds."""
    found = Incident("i", "t", 0, 0)
    for name, node, seconds in signs:
        found.signs[f"{name}/{node}"] = Sign(name, seconds * 1000, node, is_call=False)
    return found


def order(found: Incident, background: Background | None = None, topology: Topology | None = SHOP) -> list[str]:
    return [cause.node for cause in rank(found, topology, background or Background(), RootLessons(), 10)]


def test_of_two_nodes_an_alert_speaks_for_the_one_that_the_other_depends_on() -> None:
    assert subject_of(("front-0", "cart-1"), SHOP) == ("cart-1", True)
    assert subject_of(("cart-1", "front-0"), SHOP) == ("cart-1", True)


def test_an_alert_speaks_for_what_runs_on_a_host_rather_than_for_the_host() -> None:
    assert subject_of(("node-0", "cart-0"), SHOP) == ("cart-0", False)
    assert subject_of(("node-0",), SHOP) == ("node-0", False)


def test_an_alert_that_names_what_its_node_depends_on_is_about_a_call_of_that() -> None:
    assert subject_of(("front-1",), SHOP, "shop.Cart/Get slow") == ("cart", True)
    assert subject_of(("cart-1",), SHOP, "shop.Cart/Get slow") == ("cart-1", False)
    assert subject_of(("front-1",), SHOP, "CPU high") == ("front-1", False)


def test_the_earlier_of_two_nodes_is_the_likelier_cause() -> None:
    assert order(incident(("a", "web", 0), ("b", "db", 300)), topology=None) == ["web", "db"]


def test_what_is_in_every_incident_says_less_than_what_is_in_this_one() -> None:
    background = Background()
    for _ in range(20):
        background.learn([("a/web", "a", "web")])
    assert order(incident(("a", "web", 0), ("b", "db", 10)), background, None) == ["db", "web"]


def test_a_service_whose_instances_all_speak_is_the_cause_itself() -> None:
    found = incident(*(("cpu", f"cart-{number}", 0) for number in (0, 1, 2)))
    assert order(found)[0] == "cart"


def test_one_instance_that_speaks_alone_is_the_cause_rather_than_its_service() -> None:
    assert order(incident(("cpu", "cart-1", 0)))[0] == "cart-1"


def test_a_service_that_depends_on_another_only_shows_what_that_one_has() -> None:
    assert order(incident(("http slow", "front", 0), ("grpc slow", "cart", 0)))[0] == "cart"


def test_alerts_that_differ_by_numbers_only_say_as_much_as_the_loudest_of_them() -> None:
    cores = [(f"core {number} busy", "front-0", 0) for number in range(6)]
    assert order(incident(*cores, ("disk full", "cart-1", 0), ("memory full", "cart-1", 0)))[0] == "cart-1"


def test_a_critical_alert_says_more_than_warnings_that_came_a_little_before() -> None:
    found = incident(("a", "web", 0), ("b", "db", 10))
    found.put(Member("b/db", "b", 4, 10_000, (), 1.0, active=True, suppressed=False))
    assert order(found, topology=None) == ["db", "web"]


def test_a_node_that_the_topology_does_not_know_is_less_likely_the_cause() -> None:
    assert order(incident(("a", "10.0.0.7", 0), ("b", "cart-1", 10)))[0] == "cart-1"


def test_a_node_that_is_silent_is_a_candidate_if_others_depend_on_it() -> None:
    found = order(incident(("slow", "front-0", 0)))
    assert found[0] == "front-0"
    assert {"cart", "node-0"} <= set(found)


def test_confidences_sum_to_one_and_come_with_their_evidence() -> None:
    causes = rank(incident(("cpu", "cart-1", 0), ("slow", "front-0", 5)), SHOP, Background(), RootLessons(), 3)
    assert len(causes) == 3
    assert sum(cause.confidence for cause in causes) == pytest.approx(1.0)
    assert causes[0].evidence == ("cpu, 0 s after the first alert, was in 0 of 0 incidents before",)


def test_without_any_alert_there_is_no_cause() -> None:
    assert rank(incident(), SHOP, Background(), RootLessons(), 3) == ()


def test_the_same_ranking_is_surer_of_itself_with_more_alerts() -> None:
    few = incident(("disk full", "cart-1", 0), ("slow", "front-0", 60))
    many = incident(
        *((f"{name} bad", "cart-1", 0) for name in ("disk", "memory", "network", "cpu")), ("slow", "front-0", 60)
    )
    least, most = (rank(one, None, Background(), RootLessons(), 3)[0] for one in (few, many))
    assert (least.node, most.node) == ("cart-1", "cart-1")
    assert least.confidence < most.confidence
