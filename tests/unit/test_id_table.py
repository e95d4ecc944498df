from __future__ import annotations

import random

import msgspec
import pytest

from pipeline.domain.errors import InfrastructureError
from tables import keys
from tables.ids import FLOOR, IdTable
from tables.store import DictStore

KEPT = 8 * FLOOR  # of 4 tenants at most


def table(store: DictStore, kept: int = KEPT) -> IdTable:
    one = IdTable(store, kept)
    one.load()
    return one


def checkpoint(one: IdTable, store: DictStore) -> None:
    rows: dict[bytes, bytes | None] = {}
    one.snapshot(rows)
    store.write(rows)


def take(one: IdTable, tenant: str, *numbers: int) -> list[bool]:
    """Say of which of these ids it is known that they came before."""
    return [one.is_again(tenant, f"{number:032x}") for number in numbers]


def known(store: DictStore, tenant: str, numbers: range) -> list[int]:
    """Return which of these ids a table that is restored from the store knows."""
    again = table(store, kept=1_000_000)
    return [number for number, before in zip(numbers, take(again, tenant, *numbers), strict=True) if before]


def test_an_id_is_new_once() -> None:
    one = table(DictStore())
    assert take(one, "acme", 10, 11, 10) == [False, False, True]


def test_an_id_of_another_tenant_is_another_id() -> None:
    one = table(DictStore())
    assert (take(one, "acme", 10), take(one, "globex", 10), take(one, "globex", 10)) == ([False], [False], [True])


def test_ids_are_known_after_a_restart_as_far_as_a_checkpoint_holds_them() -> None:
    store = DictStore()
    one = table(store)
    take(one, "acme", 10)
    checkpoint(one, store)
    take(one, "acme", 11)
    assert take(table(store), "acme", 10, 11) == [True, False]


def test_an_id_that_is_no_number_is_an_id_all_the_same() -> None:
    one = table(DictStore())
    assert [one.is_again("acme", text) for text in ("not hex", "not hex", "not hey")] == [False, True, False]


def test_ids_of_one_tenant_share_rows_however_many_checkpoints_there_are() -> None:
    store = DictStore()
    one = table(store)
    for number in range(2 * FLOOR):
        take(one, "acme", number)
        checkpoint(one, store)
    assert sorted(store.rows) == [keys.ids("acme", 0), keys.ids("acme", 1)]
    assert known(store, "acme", range(2 * FLOOR)) == [*range(2 * FLOOR)]


def test_the_oldest_are_forgotten_beyond_the_bound_in_memory_and_in_the_store() -> None:
    store = DictStore()
    one = table(store)
    for number in range(3 * KEPT):
        take(one, "acme", number)
        if number % 10 == 0:
            checkpoint(one, store)
        assert len(one) <= KEPT
    checkpoint(one, store)
    assert known(store, "acme", range(3 * KEPT)) == [*range(2 * KEPT, 3 * KEPT)]
    assert len(store.rows) == KEPT // FLOOR


def test_a_tenant_with_many_ids_pushes_out_its_own_and_none_of_those_with_few() -> None:
    store = DictStore()
    one = table(store)
    take(one, "quiet", *range(2 * FLOOR))
    take(one, "acme", *range(2 * FLOOR))
    take(one, "noisy", *range(100 * FLOOR))
    checkpoint(one, store)
    assert known(store, "quiet", range(2 * FLOOR)) == [*range(2 * FLOOR)]
    assert known(store, "acme", range(2 * FLOOR)) == [*range(2 * FLOOR)]
    assert known(store, "noisy", range(100 * FLOOR)) == [*range(96 * FLOOR, 100 * FLOOR)]


def test_every_tenant_keeps_its_newest_ids_where_all_send_much() -> None:
    store = DictStore()
    one = table(store)
    for number in range(50 * FLOOR):
        for tenant in ("a", "b", "c", "d"):
            take(one, tenant, number)
    checkpoint(one, store)
    newest = range(49 * FLOOR, 50 * FLOOR)
    assert [known(store, tenant, newest) for tenant in ("a", "b", "c", "d")] == 4 * [[*newest]]


def test_of_too_many_tenants_the_one_that_came_longest_ago_is_forgotten_and_may_come_again() -> None:
    store = DictStore()
    one = table(store)
    for tenant in ("a", "b", "c", "d"):
        take(one, tenant, *range(FLOOR + 1))
    checkpoint(one, store)
    take(one, "a", 1, 99)  # one again, and a new one: it came last now
    take(one, "e", 1)
    take(one, "b", 1)  # forgotten, and here again; now c is
    checkpoint(one, store)
    assert sorted({keys.tenant_of(key) for key in store.rows}) == ["a", "b", "d", "e"]
    assert known(store, "b", range(FLOOR + 1)) == [1]
    assert len(one) == len(table(store)) == (FLOOR + 2) + 1 + (FLOOR + 1) + 1


def ids_in(store: DictStore) -> dict[bytes, list[bytes]]:
    return {key: msgspec.msgpack.decode(row)[2] for key, row in store.rows.items()}


@pytest.mark.parametrize("seed", range(5))
def test_when_snapshots_are_taken_and_a_table_restored_changes_nothing_of_what_is_known(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - test data, not a secret
    stores = DictStore(), DictStore()
    steady, restarted = table(stores[0]), table(stores[1])
    for _ in range(5_000):
        tenant = draw.choices("abcdef", [100, 10, 10, 5, 1, 1])[0]
        number = draw.randrange(2_000)
        assert take(steady, tenant, number) == take(restarted, tenant, number)
        if draw.random() < 0.02:
            checkpoint(restarted, stores[1])
            restarted = table(stores[1])
    checkpoint(steady, stores[0])
    checkpoint(restarted, stores[1])
    assert ids_in(stores[0]) == ids_in(stores[1])


def test_rows_of_the_release_before_are_refused_with_what_to_do() -> None:
    store = DictStore({b"i\x000000000000000001": b"\x92\x01\x91\xc4\x01a"})
    with pytest.raises(InfrastructureError, match="new group"):
        table(store)
