from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pipeline.domain.errors import InfrastructureError, StateDamagedError
from pipeline.stream.store import PartitionStore, StoreLimits, StoreMemory, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from tables.store import Rows

ROWS: Rows = {b"a\0acme\0%04d" % number: b"%d" % number * 30 for number in range(2000)}


@pytest.fixture
def memory() -> StoreMemory:
    return StoreMemory(StoreLimits())


def test_rows_and_the_changelog_offset_are_there_again_after_a_clean_stop(tmp_path: Path, memory: StoreMemory) -> None:
    store = PartitionStore(tmp_path / "s", memory)
    store.write(ROWS, 41)
    store.write({b"a\0acme\x000000": None, b"a\0acme\x000001": b"new"}, 42)
    store.close()
    again, damage = open_store(tmp_path / "s", memory)
    assert damage is None
    assert again.changelog_offset == 42
    assert (again.get(b"a\0acme\x000000"), again.get(b"a\0acme\x000001")) == (None, b"new")
    assert list(again.scan(b"a\0acme\x0000"))[:2] == [(b"a\0acme\x000001", b"new"), (b"a\0acme\x000002", b"2" * 30)]
    again.close()


def test_rows_on_their_way_are_read_before_those_in_the_store(tmp_path: Path, memory: StoreMemory) -> None:
    store = PartitionStore(tmp_path / "s", memory)
    store.write({b"k": b"old", b"gone": b"old"}, 1)
    store.in_flight = {b"k": b"new", b"gone": None}
    assert (store.get(b"k"), store.get(b"gone")) == (b"new", None)
    store.close()


def test_a_byte_changed_in_a_table_is_noticed_or_changes_no_row(tmp_path: Path, memory: StoreMemory) -> None:
    store = PartitionStore(tmp_path / "whole", memory)
    store.write(ROWS, 7)
    store.close()
    (tmp_path / "whole.closed").unlink()  # as after a crash
    [table] = (tmp_path / "whole").glob("*.sst")
    size, noticed = table.stat().st_size, 0
    for position in range(11, size, size // 60):
        folder = tmp_path / str(position)
        shutil.copytree(tmp_path / "whole", folder)
        changed = bytearray(table.read_bytes())
        changed[position] ^= 0x10
        (folder / table.name).write_bytes(changed)
        rows = rows_or_damage(folder, memory)
        assert rows in (None, ROWS), f"byte {position} of {size}"
        noticed += rows is None
    assert noticed > 30


def rows_or_damage(folder: Path, memory: StoreMemory) -> Rows | None:
    """Return the rows as look-ups find them, None if the store said that it is damaged."""
    store, damage = open_store(folder, memory)
    try:
        return None if damage is not None else {key: store.get(key) for key in ROWS}
    except StateDamagedError:
        again, damage = open_store_again(folder, store, memory)
        assert damage is not None  # the next start wipes it
        again.close()
        return None
    finally:
        store.close()


def open_store_again(folder: Path, store: PartitionStore, memory: StoreMemory) -> tuple[PartitionStore, str | None]:
    store.close()
    return open_store(folder, memory)


def test_damage_after_a_clean_stop_is_met_by_whoever_loads_the_rows_and_wiped_at_the_next_start(
    tmp_path: Path, memory: StoreMemory
) -> None:
    store = PartitionStore(tmp_path / "s", memory)
    store.write(ROWS, 7)
    store.close()
    [table] = (tmp_path / "s").glob("*.sst")
    changed = bytearray(table.read_bytes())
    changed[len(changed) // 3] ^= 0x10  # in the middle of the rows
    table.write_bytes(changed)
    store, damage = open_store(tmp_path / "s", memory)
    assert damage is None  # nobody has looked yet
    with pytest.raises(StateDamagedError, match="Start the worker again: it restores the state from its changelog"):
        list(store.scan(b"a\0"))
    store.close()
    again, damage = open_store(tmp_path / "s", memory)
    assert damage == "it was found damaged while the worker ran"
    assert again.changelog_offset is None
    again.close()


def test_rows_are_read_once_more_after_anything_but_a_clean_stop(
    tmp_path: Path, memory: StoreMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(PartitionStore, "verify", lambda store: looked.append(store.path))
    store, _ = open_store(tmp_path / "s", memory)  # a new one: there is nothing to read
    store.write(ROWS, 7)
    store.close()
    looked.clear()
    store, _ = open_store(tmp_path / "s", memory)
    assert looked == []
    store._db.close()  # as a crash: nothing says that this was on purpose
    store, _ = open_store(tmp_path / "s", memory)
    assert looked == [tmp_path / "s"]
    store.close()


def test_a_second_opener_is_told_to_take_a_folder_of_its_own(tmp_path: Path, memory: StoreMemory) -> None:
    store = PartitionStore(tmp_path / "s", memory)
    with pytest.raises(InfrastructureError, match="CORE_ALERTS_DATA_DIR"):
        PartitionStore(tmp_path / "s", memory)
    store.close()


def test_a_store_older_than_what_a_changelog_remembers_of_deletions_is_not_used(
    tmp_path: Path, memory: StoreMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 24 * 3600 * 1000
    monkeypatch.setattr("pipeline.stream.store._now_ms", lambda: 100 * day)
    store = PartitionStore(tmp_path / "s", memory)
    store.write(ROWS, 7)
    store.close()
    monkeypatch.setattr("pipeline.stream.store._now_ms", lambda: 106 * day)
    young, reason = open_store(tmp_path / "s", memory)
    assert (reason, young.changelog_offset) == (None, 7)
    young.close()
    monkeypatch.setattr("pipeline.stream.store._now_ms", lambda: 106 * day + 1)
    old, reason = open_store(tmp_path / "s", memory)
    assert (reason, old.changelog_offset) == ("it was last written to more than 6 days ago", None)
    old.close()
