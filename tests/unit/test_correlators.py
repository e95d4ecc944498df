"""The correlators of a partition's tenants: which of them are in memory, and that the others come back as they were."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from agents import correlators
from pipeline.domain.topology_part import joined
from tests.correlate_driver import CorrelateDriver, change
from tests.step_driver import HOUR, MINUTE, SECOND, T0, Record, control

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from pipeline.domain.topology import Topology
    from pipeline.domain.topology_part import TopologyPart

CHAIN = ("checkout", "cart", "stock", "db", "disk")
EDGES = [{"source": one, "target": other, "label": "calls"} for one, other in pairwise(CHAIN)]


def trouble(offset: int, at: int, tenant: str = "acme") -> list[Record]:
    """Return an alert, another one of the same host, and the ends of both."""
    return [
        change(offset, at, "HighCPU", tenant=tenant, host="web-1"),
        change(offset + 1, at + SECOND, "HighLatency", tenant=tenant, host="web-1"),
        change(offset + 2, at + MINUTE, "HighCPU", "resolved", tenant=tenant, host="web-1"),
        change(offset + 3, at + MINUTE, "HighLatency", "resolved", tenant=tenant, host="web-1"),
    ]


def held(driver: CorrelateDriver) -> list[str]:
    return [tenant for tenant, _ in driver.step.correlators.items()]


def test_a_tenant_that_was_let_go_comes_back_as_it_was() -> None:
    few, many = CorrelateDriver(tenants=0), CorrelateDriver()
    for number in range(3):
        for driver in (few, many):
            driver.take(*trouble(4 * number, T0 + number * HOUR))
            driver.pass_time(T0 + number * HOUR + 30 * MINUTE)
            driver.checkpoint()
        assert held(few) == []
        assert held(many) == ["acme"]
    assert few.left == many.left
    assert few.step.correlators.of("acme").snapshot() == many.step.correlators.of("acme").snapshot()


def test_a_tenant_with_an_open_incident_is_never_let_go() -> None:
    driver = CorrelateDriver(tenants=0)
    driver.take(change(0, T0, host="web-1"))
    driver.checkpoint()
    assert held(driver) == ["acme"]
    driver.restart()
    assert held(driver) == ["acme"]
    assert driver.step.open_count == 1


def test_a_tenant_is_not_let_go_before_its_last_change_is_written() -> None:
    driver = CorrelateDriver(tenants=0)
    driver.take(*trouble(0, T0))
    driver.pass_time(T0 + 30 * MINUTE)
    driver.take(change(4, T0 + HOUR, "HighCPU", "resolved", host="web-1"))
    driver.step.shrink()
    assert held(driver) == ["acme"]
    driver.checkpoint()
    assert held(driver) == []


def test_the_tenants_used_last_stay_in_memory_and_one_with_many_changes_takes_one_place() -> None:
    driver = CorrelateDriver(tenants=2)
    for number, tenant in enumerate(("acme", "globex", "initech")):
        driver.take(*trouble(4 * number, T0 + number * HOUR, tenant))
    for number in range(10):
        driver.take(*trouble(12 + 4 * number, T0 + (3 + number) * HOUR, "initech"))
    driver.pass_time(T0 + 20 * HOUR)
    driver.checkpoint()
    assert sorted(held(driver)) == ["globex", "initech"]


def test_open_incidents_are_counted_whether_or_not_their_tenants_come_and_go() -> None:
    driver = CorrelateDriver(tenants=0)
    driver.take(change(0, T0, host="web-1"), change(1, T0, tenant="globex", host="web-1"))
    driver.checkpoint()
    assert driver.step.open_count == 2
    driver.take(change(2, T0 + SECOND, what="resolved", host="web-1"))
    driver.pass_time(T0 + HOUR)
    driver.checkpoint()
    assert (driver.step.open_count, held(driver)) == (1, ["globex"])


def test_a_topology_that_is_drawn_while_a_tenant_waits_in_the_store_changes_nothing_of_what_was_before() -> None:
    few, many = CorrelateDriver(tenants=0), CorrelateDriver()
    for driver in (few, many):
        driver.take(change(0, T0 - HOUR, "Old", "resolved"), change(1, T0 - SECOND, "Old", "resolved"))
        driver.checkpoint()  # all of it is written; what follows within a minute is written as what happened
        for what, at in (("opened", T0), ("resolved", T0 + 5 * SECOND)):
            for number, service in enumerate(CHAIN):
                offset = driver.step.next_offset
                driver.take(change(offset, at + number * SECOND, service.title() * 2, what, service=service))
        driver.pass_time(T0 + 40 * SECOND)
        driver.checkpoint()
        assert (held(driver) == []) is (driver is few)
        driver.take_control(control(0, "topology", "shop", {"edges": EDGES}))
        driver.checkpoint()
    assert few.step.correlators.of("acme").snapshot() == many.step.correlators.of("acme").snapshot()
    joined = [one["member_count"] for one in many.told() if one["change"] == "joined"]
    assert joined == []  # under the topology, these would have been one incident


def test_a_topology_of_many_records_is_drawn_once_when_something_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def draw(parts: Iterable[TopologyPart]) -> Topology | None:
        parts = list(parts)
        drawn.append(len(parts))
        return joined(parts)

    driver = CorrelateDriver()
    driver.take(change(0, T0, "Old", "resolved", service="elsewhere"))
    monkeypatch.setattr(correlators, "joined", draw)
    driver.take_control(*[control(n, "topology", f"shop-{n}", {"edges": [edge]}) for n, edge in enumerate(EDGES)])
    driver.checkpoint()
    assert drawn == []
    driver.take(*[change(1 + n, T0 + n * SECOND, "Slow", service=one) for n, one in enumerate(CHAIN)])
    assert drawn == [len(EDGES)]
    assert driver.told()[-1]["member_count"] == len(CHAIN)
    driver.take_control(control(9, "topology", "shop-0", None, version=2))
    driver.take(change(9, T0 + MINUTE, "Old", "resolved", service="elsewhere"))
    assert drawn == [len(EDGES), len(EDGES) - 1]
