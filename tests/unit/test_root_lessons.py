from __future__ import annotations

from pipeline.domain.correlation.background import Background
from pipeline.domain.correlation.incident import Incident, Sign
from pipeline.domain.correlation.root_cause import rank
from pipeline.domain.correlation.root_lessons import LESSONS, RECENT, SHOWN, RootLessons, bounded, names_by_node
from pipeline.domain.topology import Edge, Topology

SHOP = Topology({}, [Edge(f"cart-{number}", "cart", "instance_of") for number in range(4)])
DISK = {"db": ("disk_full",), "web": ("slow",), "cart": ("slow", "errors")}


def taught(times: int = 5) -> RootLessons:
    lessons = RootLessons()
    for number in range(times):
        lessons.learn(f"f-{number}", "db", DISK)
    return lessons


def test_what_causes_had_speaks_for_another_node_that_has_it() -> None:
    lessons = taught()
    assert lessons.factor("mail", ("disk_full",), 3) > 1.05 * lessons.factor("mail", ("slow",), 3)


def test_a_node_that_was_often_the_cause_is_likelier_to_be_it_again() -> None:
    lessons = taught()
    assert lessons.factor("db", (), 10) > 1.1
    assert lessons.factor("web", (), 10) < 0.95


def test_where_every_incident_had_another_cause_it_says_less_that_a_node_was_one() -> None:
    many = taught(5)
    for number in range(20):
        many.learn(f"other-{number}", f"node-{number}", DISK)
    few = taught(5)
    for number in range(20):
        few.learn(f"other-{number}", "node-0", DISK)
    assert 1.0 < many.factor("node-1", (), 50) < few.factor("db", (), 50)


def test_without_an_opinion_nothing_changes() -> None:
    assert RootLessons().factor("db", ("disk_full",), 3) == 1.0


def test_one_opinion_changes_little_and_many_change_more() -> None:
    once, often = taught(1).factor("db", ("disk_full",), 10), taught(30).factor("db", ("disk_full",), 10)
    assert 1.0 < once < 1.5 < often


def test_an_opinion_that_is_taken_back_taught_nothing() -> None:
    lessons = taught(2)
    before = lessons.snapshot()
    lessons.learn("wrong", "web", DISK)
    assert lessons.forget("wrong")
    assert lessons.snapshot() == before
    assert lessons.factor("web", ("slow",), 3) == taught(2).factor("web", ("slow",), 3)


def test_an_opinion_under_the_same_id_takes_the_place_of_the_one_before() -> None:
    lessons = RootLessons()
    lessons.learn("f", "web", DISK)
    lessons.learn("f", "db", DISK)
    assert (len(lessons), lessons.times("web"), lessons.times("db")) == (1, 0, 1)


def test_only_so_many_opinions_and_incidents_are_kept() -> None:
    lessons = taught(LESSONS + 1)
    for number in range(RECENT + 1):
        lessons.remember(f"i-{number}", (), DISK)
    assert (len(lessons), lessons.times("db")) == (LESSONS, LESSONS)
    assert lessons.recall("i-0") is None
    assert lessons.recall(f"i-{RECENT}") == DISK


def test_an_incident_is_found_by_an_alias_too() -> None:
    lessons = RootLessons()
    lessons.remember("older", ("younger",), DISK)
    assert lessons.recall("younger") == DISK


def test_a_whole_has_what_half_of_its_parts_have_under_a_name_of_its_own() -> None:
    signs = [("cart-0", "cpu"), ("cart-1", "cpu"), ("cart-1", "memory")]
    assert names_by_node(signs, SHOP) == {"cart-0": ("cpu",), "cart-1": ("cpu", "memory"), "cart": ("*cpu",)}


def test_of_an_incident_no_more_than_so_many_names_are_kept() -> None:
    kept = bounded({f"n{node}": tuple(f"name-{number}" for number in range(100)) for node in range(5)})
    assert sum(map(len, kept.values())) == SHOWN


def test_it_is_restored_from_its_snapshot() -> None:
    lessons = taught(3)
    lessons.remember("i", ("j",), DISK)
    restored = RootLessons()
    restored.restore(lessons.snapshot())
    assert restored.snapshot() == lessons.snapshot()
    assert restored.factor("db", ("disk_full",), 3) == lessons.factor("db", ("disk_full",), 3)
    assert restored.forget("f-0")
    assert restored.times("db") == 2


def test_a_snapshot_without_sketches_is_read() -> None:
    state = taught(3).snapshot()
    older = {**state, "lessons": [one[:5] for one in state["lessons"]]}
    restored = RootLessons()
    restored.restore(older)
    assert restored.times("db") == 3
    assert restored.of_alike(DISK) == {}


def test_an_incident_like_one_before_is_likely_of_the_same_cause() -> None:
    lessons = taught(1)
    lessons.learn("other", "mail", {"mail": ("queue_full",)})
    alike = lessons.of_alike(DISK)
    assert list(alike) == ["db"]
    assert alike["db"] > 0.4


def test_what_was_taken_back_is_like_nothing() -> None:
    lessons = taught(1)
    lessons.forget("f-0")
    assert lessons.of_alike(DISK) == {}


def test_the_ranking_heeds_what_was_taught_and_says_so() -> None:
    found = Incident("i", "t", 0, 0)
    for name, node, at in (("slow", "web", 0), ("disk_full", "db", 4_000)):
        found.signs[name] = Sign(name, at, node, is_call=False)
    untaught = rank(found, None, Background(), RootLessons(), 3)
    causes = rank(found, None, Background(), taught(), 3)
    assert [cause.node for cause in untaught] == ["web", "db"]
    assert [cause.node for cause in causes] == ["db", "web"]
    assert causes[0].evidence[0] == "was the cause of 5 of 5 incidents whose cause somebody told"


def test_the_cause_of_an_incident_like_this_one_is_a_candidate_without_an_alert() -> None:
    found = Incident("i", "t", 0, 0)
    for node, name in (("web", "slow"), ("cart", "errors")):
        found.signs[name] = Sign(name, 0, node, is_call=False)
    lessons = RootLessons()
    lessons.learn("f", "db", {"web": ("slow",), "cart": ("errors",)})
    assert "db" not in [cause.node for cause in rank(found, None, Background(), RootLessons(), 3)]
    assert "db" in [cause.node for cause in rank(found, None, Background(), lessons, 3)]
