"""The correlate step keeps what every step promises: the same outputs and the same state from any snapshot on."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.correlate_driver import CorrelateDriver, change
from tests.step_driver import MINUTE, SECOND, T0, Record, control

NAMES = ("HighCPU", "HighLatency", "Down")
STEPS = st.sampled_from([0, 1, 700, SECOND, 5 * SECOND, 20 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE])
WHAT = st.sampled_from(
    ["opened", "opened", "opened", "repeated", "severity_raised", "suppressed", "unsuppressed", "resolved", "expired"]
)
SAYS: list[dict[str, Any] | None] = [
    {"edges": [{"source": "a", "target": "b", "label": "calls"}]},
    {"nodes": ["a", "b"], "labels": ["service"]},
    None,
]


@st.composite
def streams(draw: st.DrawFn) -> list[Record]:
    """Draw changes, with records of the topic control between them."""
    stream: list[Record] = []
    now, written = T0, 0
    for offset in range(draw(st.integers(1, 30))):
        now += draw(STEPS)
        if draw(st.integers(0, 7)) == 0:
            spec = draw(st.sampled_from(SAYS))
            stream.append(control(written, "topology", "t", spec, version=written + 1, at=now))
            written += 1
        what, tenant = draw(WHAT), draw(st.sampled_from(["acme", "globex"]))
        stream.append(
            change(
                offset,
                now,
                draw(st.sampled_from(NAMES)),
                what,
                tenant=tenant,
                record_id=f"{tenant[0]}{draw(st.sampled_from([offset, offset, offset, max(0, offset - 3)])):031x}",
                severity=draw(st.sampled_from(["warning", "critical"])),
                verdict="suppressed"
                if what == "suppressed"
                else draw(st.sampled_from(["active", "active", "suppressed"])),
                service=draw(st.sampled_from(["a", "b", "c"])),
                host=draw(st.sampled_from(["h1", "h2"])),
            )
        )
    return stream


def give(driver: CorrelateDriver, record: Record) -> None:
    if b"/" in (record.key or b""):
        driver.take_control(record)
    else:
        driver.take(record)


def state_of(driver: CorrelateDriver) -> dict[str, Any]:
    return {tenant: driver.step.correlators.of(tenant).snapshot() for tenant in ("acme", "globex")}


@given(streams(), st.data())
def test_from_any_snapshot_the_rest_gives_the_rest_of_the_outputs_and_the_same_state(
    stream: list[Record], data: st.DataObject
) -> None:
    driver = CorrelateDriver()
    snapshots = []
    for index, record in enumerate(stream):
        give(driver, record)
        if data.draw(st.booleans(), "snapshot"):
            driver.checkpoint()
            snapshots.append((index + 1, len(driver.left), dict(driver.rows)))
    end = T0 + 10 * 24 * 60 * MINUTE
    driver.pass_time(end)
    for done, told, rows in snapshots:
        again = CorrelateDriver(rows=rows)
        for record in stream[done:]:
            give(again, record)
        again.pass_time(end)
        assert again.left == driver.left[told:]
        assert state_of(again) == state_of(driver)


@given(streams(), st.data())
def test_tenants_that_wait_in_the_store_go_on_as_if_they_had_been_in_memory(
    stream: list[Record], data: st.DataObject
) -> None:
    few, many = CorrelateDriver(tenants=0), CorrelateDriver()
    for record in stream:
        for driver in (few, many):
            give(driver, record)
        if data.draw(st.booleans(), "snapshot"):
            for driver in (few, many):
                driver.checkpoint()
    for driver in (few, many):
        driver.pass_time(T0 + 10 * 24 * 60 * MINUTE)
    assert few.left == many.left
    assert state_of(few) == state_of(many)


@given(streams(), st.integers(1, 5))
def test_how_many_changes_are_processed_in_one_go_changes_nothing(stream: list[Record], size: int) -> None:
    changes = [record for record in stream if b"/" not in (record.key or b"")]
    one_by_one, in_batches = CorrelateDriver(), CorrelateDriver()
    for record in changes:
        one_by_one.take(record)
    for start in range(0, len(changes), size):
        in_batches.take(*changes[start : start + size])
    for topic in ("alerts.correlated", "alerts.enriched"):
        assert [one for one in one_by_one.left if one.topic == topic] == [
            one for one in in_batches.left if one.topic == topic
        ]


@given(streams())
def test_one_tenant_s_alerts_and_topology_change_nothing_for_another(stream: list[Record]) -> None:
    together, alone = CorrelateDriver(), CorrelateDriver()
    for record in stream:
        give(together, record)
        if (record.key or b"").startswith(b"globex"):  # its time passes for both
            record = Record(record.offset, record.timestamp, None, key=b"globex")
        give(alone, record)
    mine = [one.output.value for one in together.left if one.output.key == b"acme" and one.topic == "alerts.correlated"]
    assert mine == [one.output.value for one in alone.left if one.topic == "alerts.correlated"]
