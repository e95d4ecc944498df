"""The envelope that a model's snapshot is kept in: by whom it was written, in which form, and a checksum.

Nothing in it can run when it is read: it is plain msgpack, never a pickle. What does not fit, because another release
wrote it or because bytes are missing, is not restored.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from models.base import State

_FORM = 1
_DIGEST = 16  # bytes


class SnapshotError(InfrastructureError):
    """A snapshot that is not restored; the text says why and what to do."""


class _Envelope(msgspec.Struct, array_like=True):
    form: int
    name: str
    version: int
    digest: bytes
    state: bytes


_decode = msgspec.msgpack.Decoder(_Envelope).decode


def pack(name: str, version: int, state: State) -> bytes:
    """Return the bytes of a snapshot."""
    body = msgspec.msgpack.encode(state)
    return msgspec.msgpack.encode(_Envelope(_FORM, name, version, _digest(name, version, body), body))


def unpack(name: str, version: int, packed: bytes) -> State:
    """Return the state in a snapshot.

    Raises:
        SnapshotError: if it is another model's, of another form, or damaged.
    """
    try:
        found = _decode(packed)
    except msgspec.MsgspecError as error:
        raise _refused(name, f"it is no snapshot ({error})") from None
    if (found.form, found.name, found.version) != (_FORM, name, version):
        raise _refused(name, f"it is version {found.version} of {found.name}, and this release reads {version}")
    if found.digest != _digest(name, version, found.state):
        raise _refused(name, "its checksum is another one")
    state: State = msgspec.msgpack.decode(found.state)
    return state


def _digest(name: str, version: int, body: bytes) -> bytes:
    return blake2b(f"{name}\0{version}\0".encode() + body, digest_size=_DIGEST).digest()


def _refused(name: str, why: str) -> SnapshotError:
    return SnapshotError(
        f"a snapshot of {name} was not restored: {why}. Upgrade this worker to the release that wrote it, or give it "
        "a new group (CORE_ALERTS_GROUP): it then learns anew."
    )
