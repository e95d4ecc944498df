"""alerts.raw, version 1: what a producer sends, checked once and trusted afterwards."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final

import msgspec

from pipeline.domain import limits
from pipeline.domain.alert import Body
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection

TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
FIRING: Final = "firing"
RESOLVED: Final = "resolved"
_ABSENT: Final = msgspec.Raw(b"")
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_SHORT: Final = 64  # characters: no text that short is over any limit
_SHORT_LABELS: Final = 256  # bytes of JSON: too few for a label over a limit, or for too many of them
_NO_LABELS: Final = (b"", b"null", b"{}")
_NOTHING_SAID: Final = b"{}"


class RawAlert(msgspec.Struct, gc=False):
    """One record of alerts.raw. Labels stay bytes until an alert is seen for the first time."""

    tenant_id: str
    name: str
    severity: str | int | None = None
    status: str | None = FIRING
    labels: msgspec.Raw = _ABSENT
    annotations: dict[str, str] | None = None
    starts_at: _Moment | None = None
    ends_at: _Moment | None = None
    source: str | None = None
    value: float | None = None
    generator_url: str | None = None
    id: str | None = None
    fingerprint: str | None = None


class _StrictRawAlert(RawAlert, gc=False, forbid_unknown_fields=True):
    """The same, refusing fields it does not know: the quick way to learn that there are none."""


# Decodes a value that is known to be ASCII and within the size limit; `parse` is for all others and for errors.
decode_plain = msgspec.json.Decoder(RawAlert).decode
decode_strictly = msgspec.json.Decoder(_StrictRawAlert).decode
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode_members = msgspec.json.Encoder().encode
_encode_annotations = msgspec.json.Encoder(order="deterministic").encode
_KNOWN: Final = frozenset(RawAlert.__struct_fields__)


def parse(value: bytes | None) -> RawAlert:
    """Return the alert in `value`, its own fields checked except for its labels.

    Raises:
        RejectedRecordError: with the reason, for anything that is not an alert of version 1.
    """
    if value is None:
        raise RejectedRecordError(Rejection.NULL_VALUE, "the record has no value")
    if len(value) > limits.RECORD:
        raise RejectedRecordError(Rejection.RECORD_TOO_LARGE, f"{len(value)} bytes, the limit is {limits.RECORD}")
    if limits.too_deep(value):
        raise RejectedRecordError(Rejection.NESTED_TOO_DEEP, f"more than {limits.DEPTH} levels")
    try:
        if not value.isascii():
            value.decode()  # msgspec skips over fields it does not know without looking at their text
        return decode_plain(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _rejection(value, error) from None


def _rejection(value: bytes, error: Exception) -> RejectedRecordError:
    """Return why `value`, which failed with `error`, is no alert."""
    detail = str(error)
    if isinstance(error, UnicodeDecodeError):
        return RejectedRecordError(Rejection.NOT_UTF8, detail)
    if isinstance(error, RecursionError):
        return RejectedRecordError(Rejection.NESTED_TOO_DEEP, detail)
    if not isinstance(error, msgspec.ValidationError):
        return RejectedRecordError(Rejection.NOT_JSON, detail)
    if "missing required field" in detail:
        missing = Rejection.MISSING_TENANT if "`tenant_id`" in detail else Rejection.MISSING_NAME
        return RejectedRecordError(missing, detail)
    if "at `$" not in detail:
        return RejectedRecordError(Rejection.NOT_AN_OBJECT, detail)
    if "RFC3339" in detail or "timezone" in detail:
        return RejectedRecordError(Rejection.INVALID_TIMESTAMP, detail)
    return RejectedRecordError(Rejection.WRONG_TYPE, detail)


def check(alert: RawAlert, *, tenant_is_known: bool = False) -> None:
    """Check what the types do not say: tenant, name and the length of what becomes part of keys.

    Raises:
        RejectedRecordError: with the reason.
    """
    if not tenant_is_known and not TENANT.fullmatch(alert.tenant_id):
        if not alert.tenant_id:
            raise RejectedRecordError(Rejection.MISSING_TENANT, "tenant_id is empty")
        raise RejectedRecordError(
            Rejection.INVALID_TENANT,
            f"tenant_id {alert.tenant_id[:80]!r}: wanted lower-case letters, digits and '-', at most 63",
        )
    if not alert.name:
        raise RejectedRecordError(Rejection.MISSING_NAME, "name is empty")
    if len(alert.name) > _SHORT or alert.id or alert.fingerprint:
        _check_length(alert.name, limits.NAME, Rejection.NAME_TOO_LONG, "name")
        _check_length(alert.id, limits.ID, Rejection.ID_TOO_LONG, "id")
        _check_length(alert.fingerprint, limits.FINGERPRINT, Rejection.FINGERPRINT_TOO_LONG, "fingerprint")
    if alert.status not in (FIRING, RESOLVED, None):
        raise RejectedRecordError(
            Rejection.UNKNOWN_STATUS, f"status {alert.status[:80]!r}: wanted 'firing' or 'resolved'"
        )


def _check_length(text: str | None, limit: int, reason: Rejection, field: str) -> None:
    if text is not None and len(text) > _SHORT and limits.longer_than(text, limit):
        raise RejectedRecordError(reason, f"{field} has {len(text.encode())} bytes, the limit is {limit}")


def labels_of(alert: RawAlert) -> dict[str, str]:
    """Return the labels of `alert` within the limits; a label with an empty value is no label.

    Raises:
        RejectedRecordError: with the reason.
    """
    return labels_in(bytes(alert.labels))


def labels_in(raw: bytes) -> dict[str, str]:
    """Return the labels in a JSON text within the limits; a label with an empty value is no label.

    Raises:
        RejectedRecordError: with the reason.
    """
    if raw in _NO_LABELS:
        return {}
    try:
        labels = _decode_labels(raw)
    except msgspec.ValidationError as error:
        raise RejectedRecordError(Rejection.WRONG_TYPE, f"labels: {error}") from None
    if len(raw) > _SHORT_LABELS:
        _check_labels(labels)
    if "" in labels.values():
        return {label: value for label, value in labels.items() if value}
    return labels


def _check_labels(labels: dict[str, str]) -> None:
    if len(labels) > limits.LABELS:
        raise RejectedRecordError(Rejection.TOO_MANY_LABELS, f"{len(labels)} labels, the limit is {limits.LABELS}")
    for label, value in labels.items():
        _check_length(label, limits.LABEL_NAME, Rejection.LABEL_NAME_TOO_LONG, f"label name {label[:40]!r}")
        _check_length(value, limits.LABEL_VALUE, Rejection.LABEL_VALUE_TOO_LONG, f"label {label[:40]!r}")


def body_of(alert: RawAlert, extra: bytes | None) -> Body:
    """Return what `alert` says beyond its identity and its state; `extra` is what `extra_of` found in its record."""
    annotations = _encode_annotations(alert.annotations) if alert.annotations else _NOTHING_SAID
    labels, own = bytes(alert.labels), bool(alert.fingerprint)
    return Body(labels, annotations, alert.source, alert.generator_url, extra, own)


def extra_of(value: bytes) -> bytes | None:
    """Return the fields of a parsed record that the contract does not name, a JSON object; None where there are none.

    A field called `extra` is where others keep theirs: its members stand beside the unknown fields. What the
    fields hold stays text, for not everything that is JSON is also a number or a depth that Python can hold.

    Raises:
        RejectedRecordError: if a field is nested too deep even to be skipped over.
    """
    try:
        decode_strictly(value)
    except (msgspec.MsgspecError, RecursionError):
        pass
    else:
        return None
    try:
        extra = {name: member for name, member in _decode_members(value).items() if name not in _KNOWN}
        given = extra.get("extra")
        if given is not None and bytes(given).startswith(b"{"):
            del extra["extra"]
            extra = {**_decode_members(given), **extra}
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _rejection(value, error) from None
    return _encode_members(extra) if extra else None
