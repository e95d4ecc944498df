"""Control records: one version of one rule of one tenant, and which of two versions is the newer.

The key is tenant/kind/id. What counts is (version, updated_at, value), so the order of arrival does not.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from pipeline.domain import limits
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection
from pipeline.domain.timestamps import to_ms, to_text
from pipeline.schemas.control_problems import InvalidControlError, from_validation, likely, shown
from pipeline.schemas.control_specs import SPECS
from pipeline.schemas.raw import TENANT

RECORD: Final = 64 * 1024
AUTHOR: Final = 256  # bytes, as the comment
COMMENT: Final = 4 * 1024
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_LAST_VERSION: Final = 2**53 - 1  # what every reader of JSON can hold


class ControlKey(NamedTuple):
    """Which rule of which tenant; as text, the key of its records."""

    tenant_id: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.kind}/{self.id}"


class Tombstone(msgspec.Struct, frozen=True):
    """A record without a value: whatever was known of this rule is gone."""

    key: ControlKey


class ControlRecord(msgspec.Struct, frozen=True):
    """One version of one rule, its envelope checked; what `spec` says is for `control.rule_of`."""

    tenant_id: str
    kind: str
    id: str
    version: int
    author: str
    updated_at: int  # ms
    comment: str
    spec: bytes | None
    """JSON; None where this version deletes the rule."""
    value: bytes
    """The record as it was sent."""

    @property
    def key(self) -> ControlKey:
        """Which rule it is a version of."""
        return ControlKey(self.tenant_id, self.kind, self.id)

    @property
    def deleted(self) -> bool:
        """Say whether the rule is no more."""
        return self.spec is None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """A record as it stands on the topic."""

    tenant_id: Annotated[str, Meta(description="the tenant", examples=["acme"])]
    kind: Annotated[str, Meta(description="a kind", examples=["silence"])]
    id: Annotated[str, Meta(description="an id", examples=["db-upgrade"])]
    version: Annotated[int, Meta(ge=1, le=_LAST_VERSION, description="a version from 1", examples=[1])]
    author: Annotated[str, Meta(min_length=1, description="who wrote it", examples=["ada"])]
    updated_at: Annotated[datetime, Meta(tz=True, description="a moment", examples=["2026-11-26T10:00:00Z"])]
    comment: Annotated[str, Meta(description="why it is so", examples=["the database is upgraded"])] = ""
    deleted: bool = False
    spec: msgspec.Raw = msgspec.Raw(b"")


_decode: Final = msgspec.json.Decoder(_Envelope).decode
_encode: Final = msgspec.json.Encoder().encode


def parse_control(key: bytes | None, value: bytes | None) -> ControlRecord | Tombstone:
    """Return what a record of the topic `control` says.

    Raises:
        RejectedRecordError: with the reason, the path and the remedy.
    """
    named = parse_key(key)
    if value is None:
        return Tombstone(named)
    if len(value) > RECORD:
        detail = f"{len(value)} bytes, the limit is {RECORD}. Split the rule into several"
        raise RejectedRecordError(Rejection.RECORD_TOO_LARGE, detail)
    record = _record(_envelope(value), value)
    if record.key != named:
        detail = f"the key says {named}, the value {record.key}. Send the record with the key tenant_id/kind/id"
        raise RejectedRecordError(Rejection.CONTROL_KEY_MISMATCH, detail)
    return record


def parse_key(key: bytes | None) -> ControlKey:
    """Return which rule a record is about.

    Raises:
        RejectedRecordError: if that is no rule that there can be.
    """
    try:
        parts = key.decode().split("/") if key is not None else []
    except UnicodeDecodeError:
        parts = []
    if len(parts) != len(ControlKey._fields):
        detail = f"the key is {key!r:.200}, wanted tenant/kind/id. Send the record with the key tenant_id/kind/id"
        raise RejectedRecordError(Rejection.CONTROL_KEY_MISMATCH, detail)
    return checked_key(*parts)


def checked_key(tenant_id: str, kind: str, id: str) -> ControlKey:  # noqa: A002 - the record calls it so
    """Return the key of these parts.

    Raises:
        InvalidControlError: naming the part that cannot be.
    """
    if not TENANT.fullmatch(tenant_id):
        remedy = "Write lower-case letters, digits and '-', at most 63"
        raise InvalidControlError(("tenant_id",), f"{shown(tenant_id)} is no tenant", remedy, Rejection.INVALID_TENANT)
    if kind not in SPECS:
        meant = likely(kind, [*SPECS])
        remedy = f"Did you mean {meant}?" if meant else f"Write one of {', '.join(SPECS)}"
        raise InvalidControlError(("kind",), f"{shown(kind)} is no kind of rule (known: {', '.join(SPECS)})", remedy)
    if not _ID.fullmatch(id):
        raise InvalidControlError(
            ("id",), f"{shown(id)} is no id", "Write letters, digits and . _ : - only, 1 to 128 of them"
        )
    if kind == "tenant" and id != tenant_id:
        remedy = f"Write {tenant_id}: a tenant has one record of this kind, called as itself"
        raise InvalidControlError(("id",), f"{shown(id)} is not the tenant", remedy)
    return ControlKey(tenant_id, kind, id)


def _envelope(value: bytes) -> _Envelope:
    if limits.too_deep(value):
        raise RejectedRecordError(Rejection.NESTED_TOO_DEEP, f"more than {limits.DEPTH} levels. Nest less")
    try:
        value.decode()  # msgspec skips over `spec` without looking at its text
        return _decode(value)
    except msgspec.ValidationError as error:
        raise from_validation(error, _Envelope) from None
    except UnicodeDecodeError as error:
        raise RejectedRecordError(Rejection.NOT_UTF8, f"{error}. Send UTF-8") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise RejectedRecordError(Rejection.NOT_JSON, f"{error}. Send one JSON object") from None


def _record(found: _Envelope, value: bytes) -> ControlRecord:
    key = checked_key(found.tenant_id, found.kind, found.id)
    check_length("author", found.author, AUTHOR)
    check_length("comment", found.comment, COMMENT)
    updated_at = to_ms(found.updated_at)
    if updated_at is None:
        raise InvalidControlError(("updated_at",), "is no moment of this era", "Write when the version was made")
    spec = None if bytes(found.spec) in (b"", b"null") else bytes(found.spec)
    if found.deleted and spec is not None:
        raise InvalidControlError(("spec",), "stands in a record that deletes", "Leave it out, or set deleted: false")
    if not found.deleted and spec is None:
        raise InvalidControlError(("spec",), "is missing", "Add what the rule says, or delete it with deleted: true")
    return ControlRecord(*key, found.version, found.author, updated_at, found.comment, spec, value)


def check_length(field: str, text: str, limit: int) -> None:
    """Raise InvalidControlError if a text takes more bytes than it may."""
    if limits.longer_than(text, limit):
        raise InvalidControlError((field,), f"has {len(text.encode())} bytes, the limit is {limit}", "Shorten it")


def new_record(
    key: ControlKey, version: int, author: str, updated_at: int, comment: str, spec: bytes | None
) -> ControlRecord:
    """Return a version to send; without a spec it deletes the rule.

    Raises:
        RejectedRecordError: if nobody would take it.
    """
    members = {**key._asdict(), "version": version, "author": author, "updated_at": to_text(updated_at)}
    members |= {"comment": comment, "deleted": spec is None}
    value = _encode(members if spec is None else {**members, "spec": msgspec.Raw(spec)})
    record = parse_control(str(key).encode(), value)
    assert isinstance(record, ControlRecord)  # noqa: S101 - there is a value
    return record


def is_newer(one: ControlRecord, other: ControlRecord) -> bool:
    """Say whether `one` takes the place of `other`, a version of the same rule; of two that differ, one always does."""
    return (one.version, one.updated_at, one.value) > (other.version, other.updated_at, other.value)


def is_outdated(given: ControlRecord, known: bytes | None) -> bool:
    """Say whether the record that is known of the same rule holds, and `given` does not."""
    if known is None:
        return False
    newest = parse_control(as_bytes(given.key), known)
    return isinstance(newest, ControlRecord) and not is_newer(given, newest)


def as_bytes(key: ControlKey) -> bytes:
    """Return the key as Kafka has it."""
    return str(key).encode()
