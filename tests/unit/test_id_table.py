from __future__ import annotations

from tables.ids import IdTable
from tables.store import DictStore


def table(store: DictStore, kept: int = 100) -> IdTable:
    one = IdTable(store, kept)
    one.load()
    return one


def checkpoint(one: IdTable, store: DictStore) -> None:
    rows: dict[bytes, bytes | None] = {}
    one.snapshot(rows)
    store.write(rows)


def test_an_id_is_new_once() -> None:
    one = table(DictStore())
    assert [one.is_again("0a" * 16), one.is_again("0b" * 16), one.is_again("0a" * 16)] == [False, False, True]


def test_ids_are_known_after_a_restart_as_far_as_a_checkpoint_holds_them() -> None:
    store = DictStore()
    one = table(store)
    one.is_again("0a" * 16)
    checkpoint(one, store)
    one.is_again("0b" * 16)
    again = table(store)
    assert [again.is_again("0a" * 16), again.is_again("0b" * 16)] == [True, False]


def test_the_oldest_are_forgotten_beyond_the_bound_in_memory_and_in_the_store() -> None:
    store = DictStore()
    one = table(store, kept=3)
    for number in range(10):
        one.is_again(f"{number:032x}")
        checkpoint(one, store)
    assert (len(one), len(store.rows)) == (3, 3)
    assert [number for number in range(10) if table(store, kept=3).is_again(f"{number:032x}")] == [7, 8, 9]


def test_an_id_that_is_no_number_is_an_id_all_the_same() -> None:
    one = table(DictStore())
    assert [one.is_again("not hex"), one.is_again("not hex"), one.is_again("not hey")] == [False, True, False]
