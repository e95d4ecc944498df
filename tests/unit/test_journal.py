from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.errors import InfrastructureError
from tables import keys
from tables.journal import LONGEST, MOST, Journal
from tables.store import DictStore

T0 = 1_700_000_000_000


class Sums:
    """An agent that knows the sum of what it was told of each tenant."""

    def __init__(self, store: DictStore) -> None:
        self.store = store
        self.journal = Journal(store, int)
        self.sums: dict[str, int] = {}
        for tenant, whole, since in self.journal.load():
            self.sums[tenant] = int(whole or b"0") + sum(since)

    def tell(self, tenant: str, number: int, now: int = T0) -> None:
        self.sums[tenant] = self.sums.get(tenant, 0) + number
        self.journal.happened(tenant, number, now)

    def checkpoint(self, now: int = T0) -> dict[bytes, Any]:
        rows: dict[bytes, bytes | None] = {}
        self.journal.snapshot(rows, lambda tenant: str(self.sums[tenant]).encode(), now)
        self.store.write(rows)
        return rows


def test_what_happened_since_the_last_whole_happens_again() -> None:
    one = Sums(DictStore())
    one.tell("acme", 1)
    one.checkpoint()
    one.tell("acme", 2)
    one.tell("globex", 10)
    one.checkpoint()
    assert Sums(one.store).sums == {"acme": 3, "globex": 10}


def test_what_no_checkpoint_holds_is_gone() -> None:
    one = Sums(DictStore())
    one.tell("acme", 1)
    one.checkpoint()
    one.tell("acme", 2)
    assert Sums(one.store).sums == {"acme": 1}


def test_a_checkpoint_writes_what_happened_and_not_all_there_is() -> None:
    one = Sums(DictStore())
    one.journal.write_whole("acme")
    one.tell("acme", 1)
    assert list(one.checkpoint()) == [keys.known("acme")]
    one.tell("acme", 2)
    assert list(one.checkpoint()) == [keys.journal("acme", 1)]
    assert one.checkpoint() == {}


@pytest.mark.parametrize(("entries", "later"), [(MOST, 0), (1, LONGEST)])
def test_all_of_a_tenant_is_written_after_so_many_entries_or_so_long_and_its_entries_go(
    entries: int, later: int
) -> None:
    one = Sums(DictStore())
    one.tell("acme", 0)
    one.journal.write_whole("acme")
    one.checkpoint(T0)
    one.tell("acme", 1)
    one.checkpoint(T0)
    for _ in range(entries):
        one.tell("acme", 1)
    rows = one.checkpoint(T0 + later)
    assert rows[keys.journal("acme", 1)] is None
    assert keys.known("acme") in rows
    assert Sums(one.store).sums == {"acme": entries + 1}


def test_tenants_are_not_all_written_whole_at_once() -> None:
    one = Sums(DictStore())
    tenants = [f"tenant-{number}" for number in range(200)]
    for tenant in tenants:
        one.tell(tenant, 1)
    one.checkpoint(T0)
    for tenant in tenants:
        one.tell(tenant, 1)
    whole = [key for key in one.checkpoint(T0 + LONGEST // 2) if key[:1] == keys.KNOWN]
    assert 60 < len(whole) < 140


def test_one_tenant_is_read_as_the_store_has_it() -> None:
    one = Sums(DictStore())
    one.tell("acme", 1)
    one.checkpoint()
    one.tell("acme", 2)
    one.checkpoint()
    assert one.journal.read("acme") == (None, [1, 2])
    assert one.journal.read("nobody") == (None, [])


def test_two_journals_in_one_store_have_nothing_to_do_with_each_other() -> None:
    store = DictStore()
    one = Journal(store, int)
    other = Journal(store, int, whole=keys.RATES_KNOWN, since=keys.RATES_JOURNAL)
    for journal, entry in ((one, 1), (other, 2)):
        for whole in (True, False):
            if whole:
                journal.write_whole("acme")
            journal.happened("acme", entry, T0)
            rows: dict[bytes, bytes | None] = {}
            journal.snapshot(rows, {"acme": b"%d" % entry}.__getitem__, T0)
            store.write(rows)
    assert one.read("acme") == (b"1", [1])
    assert other.read("acme") == (b"2", [2])
    assert list(Journal(store, int).load()) == [("acme", b"1", [1])]


def test_how_long_it_goes_on_without_a_whole_is_each_journal_s_own() -> None:
    journal = Journal(DictStore(), int, longest=10 * LONGEST)
    journal.write_whole("acme")
    for later in (0, 9 * LONGEST, 10 * LONGEST):
        journal.happened("acme", 1, T0 + later)
        rows: dict[bytes, bytes | None] = {}
        journal.snapshot(rows, lambda tenant: b"", T0 + later)
        assert (keys.known("acme") in rows) == (later != 9 * LONGEST)


def test_a_row_of_another_release_is_refused_with_what_to_do() -> None:
    store = DictStore({keys.known("acme"): b"\x93\x09\x00\xc4\x00"})
    with pytest.raises(InfrastructureError, match="its version is 9"):
        Sums(store)


def test_rows_are_written_in_the_order_in_which_something_happened_so_that_any_run_writes_the_same() -> None:
    one, tenants = Sums(DictStore()), [f"tenant-{number}" for number in range(12)]
    for tenant in tenants:
        one.tell(tenant, 1)
    one.checkpoint(T0 + LONGEST)  # all of them as a whole
    for tenant in reversed(tenants):
        one.tell(tenant, 1, T0 + LONGEST)
    numbered = [keys.journal(tenant, number) for number, tenant in enumerate(reversed(tenants), 1)]
    assert list(one.checkpoint(T0 + LONGEST)) == numbered
