from __future__ import annotations

from pipeline.domain.topology import Edge, Topology

SHOP = Topology(
    {"front": "Service", "cart": "Service", "front-0": "Service_Instance", "cart-0": "Service_Instance", "n1": "Host"},
    [
        Edge("front", "cart", "control_flow"),
        Edge("front", "front-0", "has_instance"),
        Edge("cart-0", "cart", "instance_of"),
        Edge("n1", "cart-0", "hosts"),
        Edge("front-0", "n1", "hosted_on"),
        Edge("cart", "registry", "registers_with"),
    ],
)


def test_an_edge_and_its_opposite_say_the_same() -> None:
    assert SHOP.parts == {"front": ["front-0"], "cart": ["cart-0"]}
    assert SHOP.hosted == {"n1": ["cart-0", "front-0"]}
    assert SHOP.host_of == {"cart-0": ["n1"], "front-0": ["n1"]}


def test_instances_call_what_their_services_depend_on() -> None:
    assert SHOP.calls("front-0", "cart-0")
    assert SHOP.calls("front", "cart")
    assert not SHOP.calls("cart-0", "front-0")


def test_what_is_near_comes_ring_by_ring() -> None:
    assert SHOP.near("cart-0") == (("cart-0",), ("cart", "n1"), ("front", "registry", "front-0"), ())
    assert SHOP.near("unknown") == ((), (), (), ())


def test_the_distance_is_counted_in_edges() -> None:
    assert SHOP.distance("cart-0", "front") == 2
    assert SHOP.distance("cart-0", "elsewhere") is None


def test_a_label_value_that_is_a_node_names_it() -> None:
    assert SHOP.nodes_of({"pod": "cart-0", "host": "n1", "severity": "critical"}) == ("n1", "cart-0")


def test_only_the_labels_that_may_name_nodes_do() -> None:
    topology = Topology({"cart": ""}, [], labels=["service"], values={"shopping-cart": "cart"})
    assert topology.nodes_of({"team": "cart"}) == ()
    assert topology.nodes_of({"service": "shopping-cart"}) == ("cart",)


def test_an_edge_brings_in_a_node_that_nobody_declared() -> None:
    assert "registry" in SHOP
    assert len(SHOP) == 6


def test_the_neighbourhood_of_a_hub_is_bounded() -> None:
    hub = Topology({}, [Edge(f"pod-{number}", "hub", "runs_on") for number in range(1000)])
    assert sum(len(ring) for ring in hub.near("hub")) == 256


def test_a_node_that_depends_on_itself_is_not_its_own_neighbour() -> None:
    assert Topology({}, [Edge("a", "a")]).near("a") == (("a",), (), (), ())


def test_a_text_may_mention_what_a_node_depends_on() -> None:
    assert SHOP.mentioned("front-0", "shop.CART/Get slow") == "cart"
    assert SHOP.mentioned("front", "car wash") is None
    assert SHOP.mentioned("cart-0", "front is slow") is None


def test_of_two_mentioned_nodes_the_longer_name_is_meant() -> None:
    shop = Topology({}, [Edge("web", "cart"), Edge("web", "cart-store"), Edge("web", "db")])
    assert shop.mentioned("web", "CartStore down") == "cart-store"
    assert shop.mentioned("web", "db down") is None


def test_a_hub_mentions_nothing() -> None:
    hub = Topology({}, [Edge("hub", f"service-{number}") for number in range(1000)])
    assert hub.mentioned("hub", "service-7 down") is None
