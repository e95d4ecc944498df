from __future__ import annotations

import pytest

from pipeline.domain.correlation.likeness import SKETCH, causes_of_alike, sketch_of

Names = dict[str, tuple[str, ...]]

DISK: Names = {"db": ("disk_full", "slow_writes"), "web": ("slow",)}
MAIL: Names = {"mail": ("queue_full",), "web": ("slow",)}


def shares(asked: Names, *told: tuple[Names, str]) -> dict[str, float]:
    incidents = {f"f{number}": (sketch_of(names), cause) for number, (names, cause) in enumerate(told)}
    having = {
        one: [key for key, (sketch, _) in incidents.items() if one in sketch]
        for sketch, _ in incidents.values()
        for one in sketch
    }
    return causes_of_alike(sketch_of(asked), incidents, having)


def test_a_sketch_is_the_same_in_whatever_order_the_alerts_came() -> None:
    assert sketch_of(DISK) == sketch_of({"web": ("slow",), "db": ("slow_writes", "disk_full")})


def test_a_sketch_of_many_alerts_is_no_larger_than_so_many() -> None:
    assert len(sketch_of({f"n{node}": ("a", "b", "c", "d") for node in range(100)})) == SKETCH


def test_large_incidents_with_half_in_common_have_about_half_of_their_sketches_in_common() -> None:
    one = sketch_of({f"n{node}": ("down",) for node in range(1000)})
    other = sketch_of({f"n{node}": ("down",) for node in range(500, 1500)})
    assert 0.3 < len(one & other) / SKETCH < 0.7


def test_the_cause_of_the_incident_most_like_this_one_has_the_largest_share() -> None:
    found = shares(DISK, (DISK, "db"), (MAIL, "mail"))
    assert found["db"] > 100 * found["mail"]


def test_two_like_incidents_of_one_cause_say_more_than_one() -> None:
    once, twice = shares(DISK, (DISK, "db"), (MAIL, "mail")), shares(DISK, (DISK, "db"), (DISK, "db"), (MAIL, "mail"))
    assert once["db"] == pytest.approx(1 / 2, abs=0.01)
    assert twice["db"] == pytest.approx(2 / 3, abs=0.01)


def test_a_small_part_of_a_large_incident_is_not_like_it() -> None:
    large: Names = {f"n{node}": ("down",) for node in range(20)}
    assert shares({"n0": ("down",)}, (large, "n0"))["n0"] < 0.001


def test_nothing_in_common_says_nothing() -> None:
    queue: Names = {"mail": ("queue_full",)}
    assert shares(DISK, (queue, "mail")) == {}
