from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.errors import ConfigurationError, InfrastructureError
from pipeline.exchange import STDIN, Place, envelope, interpret, read_lines, without_ours

if TYPE_CHECKING:
    from pathlib import Path

SIX = 1_795_413_600_000  # 2026-11-23T06:00:00Z
PLACE = Place("alerts.raw", 3, 17)


@pytest.mark.parametrize(
    ("line", "timestamp"),
    [
        (b'{"tenant_id":"acme","name":"A","starts_at":"2026-11-23T06:00:00Z"}', SIX),
        (
            b'{"tenant_id":"acme","name":"A","starts_at":"2026-11-23T05:00:00Z",'
            b'"status":"resolved","ends_at":"2026-11-23T06:00:00Z"}',
            SIX,
        ),
        (b'{"tenant_id":"acme","name":"A","status":"resolved","starts_at":"2026-11-23T06:00:00Z"}', None),
        (b'{"tenant_id":"acme","name":"A"}', None),
        (b'{"tenant_id":"acme","name":"A","starts_at":"0001-01-01T00:00:00Z"}', None),
        (b'{"tenant_id":"acme","name":"A","starts_at":"yesterday"}', None),
    ],
    ids=["its start", "the end of a resolved one", "no end", "no time", "Go's zero time", "not a time"],
)
def test_the_time_of_an_alert_is(line: bytes, timestamp: int | None) -> None:
    assert interpret(1, line).timestamp == timestamp


def test_an_alert_keeps_its_bytes_and_is_keyed_by_its_tenant() -> None:
    line = interpret(7, b'{"tenant_id": "acme",  "name": "A"}')
    assert (line.number, line.key, line.value, line.place) == (7, b"acme", b'{"tenant_id": "acme",  "name": "A"}', None)


@pytest.mark.parametrize("text", [b"not json", b"[1]", b"\xff", b"5", b'{"a":'])
def test_a_line_that_is_no_object_is_a_problem_and_keeps_its_bytes(text: bytes) -> None:
    line = interpret(1, text)
    assert line.problem is not None
    assert line.value == text


def test_an_object_with_wrong_types_is_left_to_the_pipeline_to_refuse() -> None:
    assert interpret(1, b'{"tenant_id":"acme","name":"A","starts_at":5}').problem is None


def test_an_alert_with_fields_of_an_envelope_is_still_an_alert() -> None:
    text = b'{"tenant_id":"acme","name":"A","topic":"x","partition":1,"offset":2,"value":0.5}'
    assert interpret(1, text).place is None


def test_an_envelope_that_lacks_something_is_taken_for_an_alert() -> None:
    assert interpret(1, b'{"topic":"alerts.raw","offset":2,"value":{}}').place is None


def test_a_record_looks_like_this_as_a_line() -> None:
    line = envelope(PLACE, SIX, b"acme", [("id", b"1")], b'{"name": "A"}')
    assert json.loads(line) == {
        "topic": "alerts.raw",
        "partition": 3,
        "offset": 17,
        "timestamp": SIX,
        "key": "acme",
        "headers": [["id", "1"]],
        "value": {"name": "A"},
    }


@pytest.mark.parametrize(
    "value",
    [
        b'{"a": 1.0, "a":2}',
        b'{\n "a": 1\r\n}',
        b"null",
        None,
        b"",
        b" 1 ",
        b"1e999",
        b"\xff\x00",
        b'"\xff"',
        b'"\\ud800"',
        b'{"base64": "AA=="}',
        b'{ "base64":5}',
        b"[" * 5000 + b"]" * 5000,
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_recorded_value_comes_back_byte_for_byte(value: bytes | None) -> None:
    line = envelope(PLACE, SIX, b"acme", [], value)
    assert b"\n" not in line
    assert interpret(1, line).value == value


@given(
    value=st.none()
    | st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    key=st.none() | st.binary(),
    headers=st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.binary())),
    timestamp=st.integers(0, 2**60),
)
def test_any_record_comes_back_as_it_was(
    value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]], timestamp: int
) -> None:
    line = interpret(1, envelope(PLACE, timestamp, key, headers, value))
    assert (line.place, line.timestamp, line.key, list(line.headers), line.value) == (
        PLACE,
        timestamp,
        key,
        headers,
        value,
    )


def test_what_the_pipeline_put_on_a_record_is_taken_off() -> None:
    headers = [("origin", b"alerts.raw/0/1"), ("forwarded-from", b"alerts.raw/0/1"), ("traceparent", b"00-1-2-01")]
    assert without_ours(headers) == [("traceparent", b"00-1-2-01")]


def test_blank_lines_are_passed_over_and_numbers_stay_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_bytes(b"a\n\n  b \r\nc")
    assert list(read_lines(file)) == [(1, b"a"), (3, b"b"), (4, b"c")]


def test_a_gzipped_file_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_bytes(gzip.compress(b"a\nb\n"))
    assert list(read_lines(file)) == [(1, b"a"), (2, b"b")]


def test_a_truncated_gzip_file_is_told_with_the_line_it_reaches(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl.gz"
    file.write_bytes(gzip.compress(b"a\n" * 10_000)[:-12])
    with pytest.raises(InfrastructureError, match=r"alerts.jsonl.gz is damaged after line \d+: .*\. Get a whole copy"):
        list(read_lines(file))


def test_a_missing_file_is_a_wrong_argument(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        list(read_lines(tmp_path / "missing"))


def test_a_dash_is_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))
    assert list(read_lines(STDIN)) == [(1, b"a"), (2, b"b")]
