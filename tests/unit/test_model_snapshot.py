from __future__ import annotations

import msgspec
import pytest

from models.snapshot import SnapshotError, pack, unpack

STATE = {"counts": [1, 2.5, None], "name": "ä", "raw": b"\x00"}


def test_a_snapshot_gives_back_the_state_it_was_made_of() -> None:
    assert unpack("noise", 3, pack("noise", 3, STATE)) == STATE


@pytest.mark.parametrize(
    ("name", "version", "why"),
    [
        ("noise", 4, "it is version 3 of noise, and this release reads 4"),
        ("other", 3, "it is version 3 of noise, and this release reads 3"),
    ],
)
def test_a_snapshot_of_another_model_or_form_is_not_restored(name: str, version: int, why: str) -> None:
    with pytest.raises(SnapshotError, match=why):
        unpack(name, version, pack("noise", 3, STATE))


def test_one_changed_bit_of_the_state_is_noticed() -> None:
    packed = bytearray(pack("noise", 3, STATE))
    packed[-1] ^= 1
    with pytest.raises(SnapshotError, match="its checksum is another one"):
        unpack("noise", 3, bytes(packed))


@pytest.mark.parametrize("packed", [b"", b"\x80", msgspec.msgpack.encode([1, "noise"]), b"cos\nsystem\n(S'true'\ntR."])
def test_bytes_that_are_no_snapshot_are_refused_and_nothing_in_them_runs(packed: bytes) -> None:
    with pytest.raises(SnapshotError, match="it is no snapshot"):
        unpack("noise", 3, packed)
