from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pipeline.domain.alert import Alert, Body, Periods
from pipeline.domain.errors import ConfigurationError, InfrastructureError
from pipeline.domain.severity import Severity
from pipeline.domain.timers import TimerWheel
from pipeline.schemas.identity import memo_of
from tables import keys
from tables.alerts import AlertTable
from tables.deliveries import DeliveryTable
from tables.forwards import ForwardTable
from tables.progress import Progress, read_progress
from tables.store import DictStore

if TYPE_CHECKING:
    from tables.store import Rows

MINUTES_5 = 300_000
BODY = Body(b'{"a":"1"}', b"{}", "prometheus", None, b'{"x":1}')


def make_alert(fingerprint: str = "f0", last_seen: int = 1000, **fields: Any) -> Alert:
    alert = Alert(
        "acme", fingerprint, "HighCPU", Severity.ERROR, True, 3, 500, last_seen, last_seen, None, 0.5, 1000, 2
    )
    for name, value in fields.items():
        setattr(alert, name, value)
    return alert


def alert_table(store: DictStore, capacity: int = 1 << 62) -> tuple[AlertTable, TimerWheel]:
    timers = TimerWheel()
    return AlertTable(store, timers, Periods(), capacity), timers


def taken(table: AlertTable | DeliveryTable | ForwardTable) -> Rows:
    """Return the rows of a snapshot."""
    rows: Rows = {}
    if isinstance(table, AlertTable):
        table.snapshot(rows, Counter())
    else:
        table.snapshot(rows)
    return rows


def add(table: AlertTable, alert: Alert) -> bytes:
    key = keys.alert(alert.tenant, alert.fingerprint)
    table.add(key, alert, BODY)
    return key


# -- the store


def test_a_dict_store_takes_rows_in_and_deletes_what_is_none() -> None:
    store = DictStore()
    store.write({b"a\0x": b"1", b"a\0y": b"2"})
    store.write({b"a\0x": None, b"a\0z": None})
    assert (store.get(b"a\0x"), store.get(b"a\0y")) == (None, b"2")


def test_a_scan_gives_the_rows_of_a_prefix_by_key() -> None:
    store = DictStore({b"b\0a": b"1", b"a\0b": b"2", b"a\0a": b"3", b"a": b"4"})
    assert list(store.scan(b"a\0")) == [(b"a\0a", b"3"), (b"a\0b", b"2")]


# -- progress


def test_progress_is_read_back_as_it_was_stored() -> None:
    progress = Progress("alerts.raw", 3, 24, offset=7, stream_ms=8, wall_ms=9, tick_ms=10, judged_to=11)
    key, value = progress.row()
    assert key == keys.PROGRESS
    assert read_progress(value, Progress("alerts.raw", 3, 24)) == progress


def test_progress_of_another_release_is_refused_with_a_remedy() -> None:
    place = Progress("alerts.raw", 0, 1)
    for row in (msgspec.msgpack.encode((1, place)), msgspec.msgpack.encode(["?"]), b"\xc1"):
        with pytest.raises(InfrastructureError, match="upgrade this worker"):
            read_progress(row, place)


@pytest.mark.parametrize("place", [("alerts.raw", 3, 12), ("alerts.raw", 2, 24), ("other", 3, 24)])
def test_progress_of_another_place_is_refused_with_a_remedy(place: tuple[str, int, int]) -> None:
    _, value = Progress("alerts.raw", 3, 24).row()
    with pytest.raises(ConfigurationError, match=r"partition 3 of 24.*Set the partition count back"):
        read_progress(value, Progress(*place))


# -- alerts


@pytest.mark.parametrize(
    "fields", [{}, {"ends_at": 99}, {"value": None}, {"open": False, "ends_at": 5}, {"severity": Severity.NONE}]
)
def test_an_alert_is_found_again_after_a_restart(fields: dict[str, Any]) -> None:
    store = DictStore()
    table, _ = alert_table(store)
    alert = make_alert(fingerprint="a\0b/ü", **fields)
    key = add(table, alert)
    store.write(taken(table))

    again, timers = alert_table(store)
    again.load()
    found = again.find(key)
    assert found is not None
    assert (found.timer, found.tallied, found.dirty) == (timers.next_ms // 1000, 3, False)
    memo = memo_of("acme", "HighCPU", None, BODY.labels)
    assert again.memo == {memo: found}  # the text that it came under last is known again
    found.timer, found.tallied, found.memo = alert.timer, alert.tallied, alert.memo
    assert found == alert
    assert again.body(key) == BODY
    assert again.open_count == alert.open


@pytest.mark.parametrize(
    "row",
    [
        msgspec.msgpack.encode((3, 1, "n", 0, True, 1, 0, 0, 0, None, None, 0, 0, b"", b"", None, None, None, False)),
        msgspec.msgpack.encode((1, "n", 0, True, 1, 0, 0, 0, None, None, 0, 0)),
        b"\xc1",
    ],
)
def test_an_alert_row_of_another_release_is_refused_with_a_remedy(row: bytes) -> None:
    table, _ = alert_table(DictStore({keys.alert("acme", "f0"): row}))
    with pytest.raises(InfrastructureError, match="upgrade this worker"):
        table.load()


@pytest.mark.parametrize("row", [b"", msgspec.msgpack.encode((3, 7, []))])
def test_counters_of_another_release_are_refused_with_a_remedy(row: bytes) -> None:
    table, _ = alert_table(DictStore({keys.counters("acme", 7): row}))
    with pytest.raises(InfrastructureError, match="upgrade this worker"):
        table.load()


def test_an_alert_that_nobody_added_is_not_found() -> None:
    table, _ = alert_table(DictStore())
    assert table.find(b"a\0acme\0nobody") is None


def test_a_body_that_is_gone_is_an_error_that_says_so() -> None:
    table, _ = alert_table(DictStore())
    with pytest.raises(InfrastructureError, match="not in the store"):
        table.body(b"a\0acme\0f0")


def test_a_snapshot_holds_what_changed_since_the_last_and_nothing_else() -> None:
    table, _ = alert_table(DictStore())
    one = make_alert("f1")
    key, other = add(table, one), add(table, make_alert("f2"))
    assert set(taken(table)) == {key, other}
    assert taken(table) == {}
    one.count += 1
    table.touch(one)
    table.touch(one)
    assert set(taken(table)) == {keys.counters("acme", 4)}  # the third snapshot had the number 3
    table.put_body(one, BODY)
    assert set(taken(table)) == {key}


def test_of_a_row_and_counters_the_counters_are_the_newer() -> None:
    store = DictStore()
    table, _ = alert_table(store)
    alert = make_alert()
    key = add(table, alert)
    store.write(taken(table))
    alert.count, alert.last_seen = 9, 4000
    table.touch(alert)
    store.write(taken(table))
    for again in (alert_table(store)[0], alert_table(store, capacity=0)[0]):
        again.load()
        found = again.find(key)
        assert found is not None
        assert (found.count, found.last_seen) == (9, 4000)
        assert again.body(key) == BODY
    alert.count = 10
    table.put_body(alert, BODY)
    store.write(taken(table))
    again, _ = alert_table(store)
    again.load()
    found = again.find(key)  # the counters are still there, and older
    assert found is not None
    assert (found.count, found.last_seen, found.counted_in) == (10, 4000, b"")


def test_rows_of_counters_are_written_anew_before_most_of_what_they_say_is_out_of_date() -> None:
    store = DictStore()
    table, _ = alert_table(store)
    alerts = [make_alert(f"f{number}") for number in range(3000)]
    for alert in alerts:
        add(table, alert)
    store.write(taken(table))
    for round_ in range(40):
        for alert in alerts[: 3000 if round_ == 0 else 2900]:
            alert.count += 1
            table.touch(alert)
        store.write(taken(table))
    entries = [len(msgspec.msgpack.decode(row)[2]) for key, row in store.rows.items() if key[:1] == keys.COUNTERS]
    assert 3000 <= sum(entries) <= 2 * 3000 + 10_000 + 3000
    again, _ = alert_table(store)
    again.load()
    assert {one.count for one in map(again.find, [alert.key for alert in alerts[:2900]]) if one} == {43}
    assert {one.count for one in map(again.find, [alert.key for alert in alerts[2900:]]) if one} == {4}


def test_a_dropped_alert_leaves_with_its_body() -> None:
    store = DictStore()
    table, _ = alert_table(store)
    alert = make_alert()
    key = add(table, alert)
    table.remember(77, alert)
    store.write(taken(table))
    table.touch(alert)
    table.drop(key, alert)
    assert table.find(key) is None
    assert 77 not in table.memo
    store.write(taken(table))
    assert store.rows == {}


@pytest.mark.parametrize("counted", [False, True])
def test_an_alert_dropped_and_added_before_a_snapshot_stays(counted: bool) -> None:
    store = DictStore()
    table, _ = alert_table(store)
    alert = make_alert()
    key = add(table, alert)
    store.write(taken(table))
    if counted:
        table.touch(alert)
        store.write(taken(table))
    table.drop(key, alert)
    add(table, make_alert(last_seen=9000))
    store.write(taken(table))
    again, _ = alert_table(store)
    again.load()
    found = again.find(key)
    assert found is not None
    assert found.last_seen == 9000
    assert again.body(key) == BODY


def test_a_snapshot_counts_the_repeats_that_were_counted_nowhere_yet() -> None:
    table, _ = alert_table(DictStore())
    alert = make_alert(tallied=1)
    add(table, alert)
    processed: Counter[tuple[str, Severity, str]] = Counter()
    table.snapshot({}, processed)
    table.touch(alert)
    table.snapshot({}, processed)
    assert processed == {("acme", Severity.ERROR, "firing"): 2}


def test_a_text_leads_to_the_last_alert_it_was_remembered_for() -> None:
    table, _ = alert_table(DictStore())
    alert = make_alert()
    add(table, alert)
    table.remember(1, alert)
    table.remember(2, alert)
    assert table.memo == {2: alert}


def test_a_table_beyond_its_capacity_lets_go_of_those_that_were_silent_longest() -> None:
    store = DictStore()
    table, timers = alert_table(store, capacity=4)
    for number in range(8):
        alert = make_alert(f"f{number}", last_seen=1000 * number)
        add(table, alert)
        table.remember(100 + number, alert)
    table.shrink()
    assert len(table) == 8  # nothing is written yet
    store.write(taken(table))
    table.shrink()
    assert len(table) <= 4
    assert 107 in table.memo
    assert 100 not in table.memo
    found = table.find(keys.alert("acme", "f0"))
    assert found is not None
    assert (found.last_seen, found.count) == (0, 3)
    assert table.find(keys.alert("acme", "f0")) is found
    assert any(keys.alert("acme", "f0") in due for _, due in timers.due(found.timer * 1000))


def test_a_table_within_its_capacity_keeps_all() -> None:
    store = DictStore()
    table, _ = alert_table(store, capacity=2)
    for name in ("f1", "f2"):
        add(table, make_alert(name))
    store.write(taken(table))
    table.shrink()
    assert len(table) == 2


def test_loading_keeps_no_more_than_the_capacity_and_arms_a_timer_for_every_alert() -> None:
    store = DictStore()
    table, _ = alert_table(store)
    for number in range(5):
        add(table, make_alert(f"f{number}"))
    store.write(taken(table))
    small, timers = alert_table(store, capacity=2)
    small.load()
    assert (len(small), small.open_count, len(timers)) == (2, 5, 5)
    assert small.find(keys.alert("acme", "f4")) is not None


# -- deliveries


def deliveries(store: DictStore, capacity: int = 1 << 62) -> tuple[DeliveryTable, TimerWheel]:
    timers = TimerWheel()
    return DeliveryTable(store, timers, MINUTES_5, capacity), timers


def test_a_delivery_is_seen_again_until_its_period_is_over() -> None:
    table, _ = deliveries(DictStore())
    asked = [(at, table.is_again(b"d\0acme\0x", at)) for at in (1000, 1000, 999, 301_000, 301_001, 301_002)]
    assert asked == [(1000, False), (1000, True), (999, True), (301_000, True), (301_001, False), (301_002, True)]


def test_a_delivery_is_forgotten_when_its_period_is_over_and_not_before() -> None:
    store = DictStore()
    table, timers = deliveries(store)
    key = b"d\0acme\0x"
    table.is_again(key, 1000)
    store.write(taken(table))
    assert timers.next_ms == 302_000
    table.expire(key, 301_000)
    assert taken(table) == {}
    table.expire(key, 302_000)
    assert taken(table) == {key: None}
    assert len(table) == 0


def test_deliveries_are_known_after_a_restart() -> None:
    store = DictStore()
    table, _ = deliveries(store)
    table.is_again(b"d\0acme\0x", 1000)
    store.write(taken(table))
    again, timers = deliveries(store)
    again.load()
    assert timers.next_ms == 302_000
    assert again.is_again(b"d\0acme\0x", 2000)
    assert not again.is_again(b"d\0acme\0y", 2000)


def test_deliveries_beyond_the_capacity_are_known_from_the_store() -> None:
    store = DictStore()
    table, _ = deliveries(store, capacity=1)
    for name in (b"d\0acme\0x", b"d\0acme\0y", b"d\0acme\0z"):
        assert not table.is_again(name, 1000)
    store.write(taken(table))
    table.shrink()
    assert len(table) == 1
    assert table.is_again(b"d\0acme\0x", 2000)
    table.expire(b"d\0acme\0x", 302_000)
    assert taken(table) == {b"d\0acme\0x": None}

    loaded, _ = deliveries(store, capacity=1)
    loaded.load()
    assert len(loaded) == 1
    assert loaded.is_again(b"d\0acme\0z", 2000)


def test_a_delivery_that_was_forgotten_since_the_last_snapshot_is_not_found_in_the_store() -> None:
    store = DictStore()
    table, _ = deliveries(store, capacity=0)
    key = b"d\0acme\0x"
    table.is_again(key, 1000)
    store.write(taken(table))
    table.shrink()
    table.expire(key, 302_000)
    assert not table.is_again(key, 2000), "its row is still in the store, and no longer true"


# -- forwards


def test_a_forward_is_here_again_if_its_offset_was_reached() -> None:
    table = ForwardTable(DictStore())
    asked = [(offset, table.is_again("acme", 3, offset)) for offset in (0, 0, 5, 4, 5, 6)]
    assert asked == [(0, False), (0, True), (5, False), (4, True), (5, True), (6, False)]


def test_each_tenant_and_each_partition_has_its_own_forwards() -> None:
    table = ForwardTable(DictStore())
    assert not table.is_again("acme", 3, 5)
    assert not table.is_again("acme", 4, 5)
    assert not table.is_again("beta", 3, 5)


def test_forwards_are_known_after_a_restart() -> None:
    store = DictStore()
    table = ForwardTable(store)
    table.is_again("acme", 3, (1 << 63) - 1)
    store.write(taken(table))
    assert taken(table) == {}
    assert ForwardTable(store).is_again("acme", 3, (1 << 63) - 1)
