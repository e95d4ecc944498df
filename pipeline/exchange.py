"""Records as JSON lines: one alert a line, or one recorded record a line, as `core-alerts tail --json` prints them.

A recorded record is {"topic", "partition", "offset", "timestamp", "key", "headers", "value"}. A value that is JSON
stands there as it is; other bytes are {"base64": …}. Reading a line gives back the same bytes that were recorded.
"""

from __future__ import annotations

import base64
import gzip
import io
import re
import sys
import zlib
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, NamedTuple, cast

import msgspec

from pipeline.domain.errors import ConfigurationError, InfrastructureError
from pipeline.domain.timestamps import to_ms
from pipeline.schemas import records
from pipeline.schemas.raw import RESOLVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

STDIN: Final = Path("-")
_BUFFER: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_NULL: Final = b"null"
_BASE64: Final = re.compile(rb'\s*\{\s*"base64"\s*:')
_LINE_BREAK: Final = re.compile(rb"[\r\n]")
_OURS: Final = {records.ID, records.SCHEMA, records.ORIGIN, records.REASON, records.DETAIL, records.FORWARDED}
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Place(NamedTuple):
    """Where a record was recorded."""

    topic: str
    partition: int
    offset: int


class Line(NamedTuple):
    """What one line of a file says of a record."""

    number: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int | None
    """Epoch milliseconds: the recorded timestamp, else the alert's own time; None where there is neither."""
    place: Place | None = None
    """None for a plain alert."""
    problem: str | None = None
    """Why the line is no JSON object; its bytes are the value all the same."""


class _Base64(msgspec.Struct):
    base64: bytes


class _Envelope(msgspec.Struct):
    """A recorded record; its value and its key stay bytes."""

    topic: str
    partition: Annotated[int, msgspec.Meta(ge=0)]
    offset: Annotated[int, msgspec.Meta(ge=0)]
    timestamp: int | None
    key: str | _Base64 | None
    headers: list[tuple[str, str | _Base64 | None]]
    value: msgspec.Raw


class _Glimpse(msgspec.Struct, gc=False):
    """As much of a line as tells an alert from a recorded record, whose it is and when it was."""

    tenant_id: Any = None
    status: Any = None
    starts_at: _Moment | None = None
    ends_at: _Moment | None = None
    offset: msgspec.Raw = msgspec.Raw(b"")
    value: msgspec.Raw = msgspec.Raw(b"")


_glimpse = msgspec.json.Decoder(_Glimpse).decode
_envelope = msgspec.json.Decoder(_Envelope).decode
_base64 = msgspec.json.Decoder(_Base64).decode
_anything = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, text) of each line that is not blank; `-` is stdin, and gzip is seen by its first bytes.

    Raises ConfigurationError where the file cannot be opened, InfrastructureError where reading breaks off.
    """
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                if text := line.strip():
                    yield number, text
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = f"{path} is damaged after line {number}: {error}. Get a whole copy of it."
        raise InfrastructureError(message) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}. Check the path and its rights.") from error


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    with _stdin() if path == STDIN else path.open("rb", buffering=_BUFFER) as file:
        if not cast("io.BufferedReader", file).peek(len(_GZIP)).startswith(_GZIP):
            yield file
            return
        with gzip.open(file) as text:
            yield text


@contextmanager
def _stdin() -> Iterator[BinaryIO]:
    reader = io.BufferedReader(cast("io.RawIOBase", sys.stdin.buffer))
    try:
        yield cast("BinaryIO", reader)
    finally:
        reader.detach()  # or it would close stdin with it


def interpret(number: int, text: bytes) -> Line:
    """Return what a line says; whatever is no recorded record is taken for an alert, however wrong."""
    try:
        seen = _glimpse(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Line(number, None, text, (), None, problem=_why_no_object(text, error))
    if seen.tenant_id is None and seen.offset and seen.value:
        try:
            return _recorded(number, _envelope(text))
        except msgspec.MsgspecError:
            pass  # it only looked like one
    tenant = seen.tenant_id
    key = tenant.encode() if isinstance(tenant, str) else None
    return Line(number, key, text, (), _time_of(seen))


def _why_no_object(text: bytes, error: Exception) -> str | None:
    """Return why a text is no JSON object, or None if it is one."""
    try:
        return None if isinstance(_anything(text), dict) else "it is JSON, but no object"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return f"it is not JSON ({error})"


def _time_of(seen: _Glimpse) -> int | None:
    """Return when what an alert says happened: its end if it is resolved, else its start."""
    return to_ms(seen.ends_at if seen.status == RESOLVED else seen.starts_at)


def _recorded(number: int, found: _Envelope) -> Line:
    value: bytes | None = bytes(found.value)
    if value == _NULL:
        value = None
    elif value and _BASE64.match(value):
        value = _base64(value).base64
    headers = [(name, _bytes_of(text) or b"") for name, text in found.headers]
    timestamp = None if found.timestamp is None or found.timestamp < 0 else found.timestamp
    place = Place(found.topic, found.partition, found.offset)
    return Line(number, _bytes_of(found.key), value, headers, timestamp, place)


def _bytes_of(text: str | _Base64 | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else None if text is None else text.base64


def envelope(
    place: Place,
    timestamp: int | None,
    key: bytes | None,
    headers: Sequence[tuple[str, bytes | None]] | None,
    value: bytes | None,
) -> bytes:
    """Return a recorded record as one line of JSON, without its line break."""
    return _encode(
        {
            "topic": place.topic,
            "partition": place.partition,
            "offset": place.offset,
            "timestamp": timestamp,
            "key": _text_of(key),
            "headers": [(name, _text_of(text)) for name, text in headers or ()],
            "value": _value_of(value),
        }
    )


def without_ours(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return a record's headers without those that the pipeline put on it: they tell of where it was before."""
    return [(name, text) for name, text in headers if name not in _OURS]


def _text_of(data: bytes | None) -> object:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _in_base64(data)


def _value_of(value: bytes | None) -> object:
    """Return the value as it can stand inside JSON, such that reading it gives the same bytes."""
    if value is None:
        return None
    if value == _NULL or value != value.strip() or _BASE64.match(value) or _LINE_BREAK.search(value):
        return _in_base64(value)
    try:
        _anything(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _in_base64(value)
    return msgspec.Raw(value)


def _in_base64(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}
