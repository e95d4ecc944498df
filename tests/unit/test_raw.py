from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection
from pipeline.schemas.raw import check, extra_of, labels_of, parse
from tests.step_driver import alert_json


def reason_of(value: bytes | None) -> Rejection | None:
    """Return why `value` is refused, None if it is not."""
    try:
        alert = parse(value)
        check(alert)
        labels_of(alert)
        extra_of(value or b"")
    except RejectedRecordError as error:
        assert error.detail, "an operator wants to know what exactly"
        return error.reason
    return None


def test_the_smallest_alert_has_the_defaults_of_the_contract() -> None:
    alert = parse(b'{"tenant_id": "acme", "name": "HighCPU"}')
    check(alert)
    assert (alert.tenant_id, alert.name, alert.severity, alert.status) == ("acme", "HighCPU", None, "firing")
    assert (alert.starts_at, alert.ends_at, alert.id, alert.fingerprint) == (None, None, None, None)
    assert labels_of(alert) == {}


def test_a_full_alert_is_read_as_sent() -> None:
    value = (
        b'{"tenant_id": "acme", "name": "HighCPU", "severity": "critical", "status": "resolved",'
        b' "labels": {"service": "checkout", "team": ""}, "annotations": {"summary": "CPU over 90 %"},'
        b' "starts_at": "2026-11-23T06:00:00+01:00", "ends_at": null, "source": "prometheus", "value": 1,'
        b' "generator_url": "http://p/g", "id": "i-1", "fingerprint": "mine"}'
    )
    alert = parse(value)
    check(alert)
    assert labels_of(alert) == {"service": "checkout"}
    assert alert.annotations == {"summary": "CPU over 90 %"}
    assert alert.starts_at == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert (alert.severity, alert.status, alert.source, alert.value) == ("critical", "resolved", "prometheus", 1.0)
    assert (alert.generator_url, alert.id, alert.fingerprint) == ("http://p/g", "i-1", "mine")
    assert extra_of(value) is None


NOT_AN_ALERT: list[tuple[str, bytes | None, Rejection]] = [
    ("no value", None, Rejection.NULL_VALUE),
    ("nothing", b"", Rejection.NOT_JSON),
    ("not JSON", b"not json", Rejection.NOT_JSON),
    ("half an object", b'{"tenant_id": "acme", "na', Rejection.NOT_JSON),
    ("two objects", b'{"tenant_id": "acme", "name": "n"} {}', Rejection.NOT_JSON),
    ("a number that JSON has not", b'{"tenant_id": "acme", "name": "n", "value": NaN}', Rejection.NOT_JSON),
    ("half a surrogate pair", b'{"tenant_id": "acme", "name": "n", "labels": {"a": "\\ud800"}}', Rejection.NOT_JSON),
    ("an escape that JSON has not", b'{"tenant_id": "acme", "name": "n", "labels": {"a": "\\q"}}', Rejection.NOT_JSON),
    ("not UTF-8 in the name", b'{"tenant_id": "acme", "name": "\xff"}', Rejection.NOT_UTF8),
    ("not UTF-8 in a label", b'{"tenant_id": "acme", "name": "n", "labels": {"a": "\xc3("}}', Rejection.NOT_UTF8),
    ("not UTF-8 where nobody looks", b'{"tenant_id": "acme", "name": "n", "other": "\xff"}', Rejection.NOT_UTF8),
    ("UTF-16", '{"tenant_id": "acme", "name": "n"}'.encode("utf-16"), Rejection.NOT_UTF8),
    ("a list", b"[]", Rejection.NOT_AN_OBJECT),
    ("null", b"null", Rejection.NOT_AN_OBJECT),
    ("a string", b'"alert"', Rejection.NOT_AN_OBJECT),
    ("a number", b"5", Rejection.NOT_AN_OBJECT),
    ("an empty object", b"{}", Rejection.MISSING_TENANT),
    ("no tenant", b'{"name": "n"}', Rejection.MISSING_TENANT),
    ("an empty tenant", b'{"tenant_id": "", "name": "n"}', Rejection.MISSING_TENANT),
    ("no name", b'{"tenant_id": "acme"}', Rejection.MISSING_NAME),
    ("an empty name", b'{"tenant_id": "acme", "name": ""}', Rejection.MISSING_NAME),
]


@pytest.mark.parametrize(("what", "value", "reason"), NOT_AN_ALERT)
def test_what_is_no_alert_is_refused_with_its_reason(what: str, value: bytes | None, reason: Rejection) -> None:
    assert reason_of(value) is reason, what


@pytest.mark.parametrize("depth", [2_000, 10_000, 100_000])
@pytest.mark.parametrize("field", [b"labels", b"annotations", b"other", b"extra"])
def test_ten_thousand_levels_of_nesting_are_refused(field: bytes, depth: int) -> None:
    lists = b'{"tenant_id": "acme", "name": "n", "' + field + b'": ' + b"[" * depth + b"]" * depth + b"}"
    objects = b'{"tenant_id": "acme", "name": "n", "' + field + b'": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    too_large = Rejection.RECORD_TOO_LARGE if depth == 100_000 else None
    for value in (lists, objects):
        wanted = too_large if too_large and len(value) > 256 * 1024 else Rejection.NESTED_TOO_DEEP
        assert reason_of(value) is wanted


def test_ten_thousand_levels_without_an_object_around_are_refused() -> None:
    assert reason_of(b"[" * 10_000) is Rejection.NESTED_TOO_DEEP


@pytest.mark.parametrize(
    ("depth", "reason"), [(499, None), (500, Rejection.NESTED_TOO_DEEP), (990, Rejection.NESTED_TOO_DEEP)]
)
def test_how_deep_is_too_deep_is_a_number_and_not_a_matter_of_the_stack(depth: int, reason: Rejection | None) -> None:
    value = b'{"tenant_id": "acme", "name": "n", "other": ' + b"[" * depth + b"]" * depth + b"}"
    assert reason_of(value) is reason
    assert deeper(200, value) is reason


def deeper(frames: int, value: bytes) -> Rejection | None:
    """Return the reason, asked for from further down the stack."""
    return reason_of(value) if frames == 0 else deeper(frames - 1, value)


def test_brackets_in_a_text_are_no_levels() -> None:
    text = b"[" * 3000 + b'\\"' + b"{" * 3000
    assert reason_of(b'{"tenant_id": "acme", "name": "n", "other": "' + text + b'"}') is None


WRONG_TYPES: list[tuple[str, Any]] = [
    ("tenant_id", None),
    ("tenant_id", 5),
    ("name", None),
    ("name", ["n"]),
    ("severity", True),
    ("severity", 1.5),
    ("severity", {}),
    ("status", 1),
    ("labels", []),
    ("labels", "a=b"),
    ("labels", 5),
    ("labels", {"a": 1}),
    ("labels", {"a": None}),
    ("labels", {"a": {}}),
    ("annotations", []),
    ("annotations", {"a": 1}),
    ("starts_at", 1_700_000_000),
    ("ends_at", {}),
    ("source", 1),
    ("value", "0.9"),
    ("value", []),
    ("generator_url", 1),
    ("id", 7),
    ("fingerprint", 7),
]


@pytest.mark.parametrize(("field", "wrong"), WRONG_TYPES)
def test_a_field_of_another_type_is_refused_and_named(field: str, wrong: Any) -> None:
    value = alert_json(**{field: wrong})
    assert reason_of(value) is Rejection.WRONG_TYPE
    with pytest.raises(RejectedRecordError, match=field):
        labels_of(parse(value))


@pytest.mark.parametrize("number", [b"1e400", b"9" * 400, b"9" * 5000])
def test_a_value_that_no_number_can_hold_is_of_a_wrong_type(number: bytes) -> None:
    assert reason_of(b'{"tenant_id": "acme", "name": "n", "value": ' + number + b"}") is Rejection.WRONG_TYPE


@pytest.mark.parametrize(
    "field", ["severity", "status", "labels", "annotations", "starts_at", "ends_at", "source", "value", "id"]
)
def test_null_is_the_same_as_leaving_a_field_out(field: str) -> None:
    assert reason_of(alert_json("acme", "n", **{field: None})) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T06:00:00",  # naive: nobody knows when
        "2026-11-23",
        "yesterday",
        "",
        "2026-13-01T00:00:00Z",
        "2026-11-23T06:00:60Z",
    ],
)
@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_a_time_without_a_zone_or_without_sense_is_refused(field: str, text: str) -> None:
    assert reason_of(alert_json(**{field: text})) is Rejection.INVALID_TIMESTAMP


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",  # Go's zero time
        "2026-11-23T06:00:00.123456789Z",
        "2026-11-23T06:00:00+05:30",
        "2026-11-23 06:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_every_other_time_is_accepted(text: str) -> None:
    assert reason_of(alert_json(ends_at=text)) is None


@pytest.mark.parametrize("tenant", ["a", "0", "acme", "a-b", "0-", "a" * 63])
def test_a_tenant_of_the_contract_is_accepted(tenant: str) -> None:
    assert reason_of(alert_json(tenant)) is None


@pytest.mark.parametrize("tenant", ["-a", "A", "acme corp", "a_b", "a" * 64, "ä", "acme\n", "a\0b", "a/b", " acme"])
def test_a_tenant_outside_the_contract_is_refused(tenant: str) -> None:
    assert reason_of(alert_json(tenant)) is Rejection.INVALID_TENANT


@pytest.mark.parametrize("status", ["Firing", "open", "", "resolved ", "suppressed"])
def test_a_status_that_nobody_knows_is_refused(status: str) -> None:
    assert reason_of(alert_json(status=status)) is Rejection.UNKNOWN_STATUS


def labels(count: int) -> dict[str, str]:
    return {f"label{number}": "x" for number in range(count)}


LIMITS: list[tuple[str, bytes, bytes, Rejection]] = [
    ("name", alert_json(name="n" * 256), alert_json(name="n" * 257), Rejection.NAME_TOO_LONG),
    ("name, in bytes", alert_json(name="ü" * 128), alert_json(name="ü" * 128 + "n"), Rejection.NAME_TOO_LONG),
    ("id", alert_json(id="i" * 256), alert_json(id="i" * 257), Rejection.ID_TOO_LONG),
    (
        "fingerprint",
        alert_json(fingerprint="f" * 256),
        alert_json(fingerprint="f" * 257),
        Rejection.FINGERPRINT_TOO_LONG,
    ),
    ("labels", alert_json(labels=labels(64)), alert_json(labels=labels(65)), Rejection.TOO_MANY_LABELS),
    (
        "label name",
        alert_json(labels={"l" * 256: "x"}),
        alert_json(labels={"l" * 257: "x"}),
        Rejection.LABEL_NAME_TOO_LONG,
    ),
    (
        "label name, in bytes",
        alert_json(labels={"€" * 85: "x"}),
        alert_json(labels={"€" * 86: "x"}),
        Rejection.LABEL_NAME_TOO_LONG,
    ),
    (
        "label value",
        alert_json(labels={"l": "v" * 4096}),
        alert_json(labels={"l": "v" * 4097}),
        Rejection.LABEL_VALUE_TOO_LONG,
    ),
    (
        "label value, in bytes",
        alert_json(labels={"l": "\U0001f600" * 1024}),
        alert_json(labels={"l": "\U0001f600" * 1024 + "v"}),
        Rejection.LABEL_VALUE_TOO_LONG,
    ),
    (
        "record",
        alert_json().ljust(256 * 1024),
        alert_json().ljust(256 * 1024 + 1),
        Rejection.RECORD_TOO_LARGE,
    ),
]


@pytest.mark.parametrize(("limit", "at_limit", "beyond", "reason"), LIMITS)
def test_a_limit_is_accepted_and_one_more_is_refused_by_its_name(
    limit: str, at_limit: bytes, beyond: bytes, reason: Rejection
) -> None:
    assert reason_of(at_limit) is None, limit
    assert reason_of(beyond) is reason, limit


def extra(value: bytes) -> Any:
    text = extra_of(value)
    return None if text is None else msgspec.json.decode(text)


def test_unknown_fields_are_kept() -> None:
    assert extra(alert_json(team="db", ticket={"id": 7})) == {"team": "db", "ticket": {"id": 7}}


def test_what_a_sender_keeps_under_extra_stands_beside_unknown_fields_which_win() -> None:
    value = alert_json(extra={"truth": 1, "team": "old", "name": "kept"}, team="db")
    assert extra(value) == {"truth": 1, "team": "db", "name": "kept"}


@pytest.mark.parametrize("nothing", [{}, {"extra": {}}])
def test_there_is_no_extra_where_there_is_nothing_to_keep(nothing: dict[str, Any]) -> None:
    assert extra_of(alert_json(**nothing)) is None


@pytest.mark.parametrize("odd", [5, "x", None, [1]])
def test_an_extra_that_is_no_object_is_an_unknown_field_like_any_other(odd: Any) -> None:
    assert extra(alert_json(extra=odd)) == {"extra": odd}


@pytest.mark.parametrize("number", [b"1e400", b"9" * 30, b"9" * 5000, b"-0.0"])
def test_a_number_that_python_cannot_hold_is_kept_as_it_was_written(number: bytes) -> None:
    for place in (b'"big": %s', b'"extra": {"big": %s}'):
        value = b'{"tenant_id": "acme", "name": "n", ' + place % number + b"}"
        assert reason_of(value) is None
        text = extra_of(value)
        assert text is not None
        assert bytes(text) == b'{"big":' + number + b"}"
