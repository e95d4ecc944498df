from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection
from pipeline.schemas.control_records import (
    ControlKey,
    ControlRecord,
    Tombstone,
    as_bytes,
    is_newer,
    new_record,
    parse_control,
)
from pipeline.schemas.control_specs import SPECS

KEY = ControlKey("acme", "silence", "db-upgrade")
GOOD: dict[str, Any] = {
    "tenant_id": "acme",
    "kind": "silence",
    "id": "db-upgrade",
    "version": 3,
    "author": "ada",
    "updated_at": "2026-11-26T10:00:00+01:00",
    "comment": "the database is upgraded",
    "deleted": False,
    "spec": {"matchers": ['job="db"']},
}
MISSING = object()


def value(**changes: Any) -> bytes:
    """Return a good record with some fields changed, or left out."""
    members = {name: said for name, said in {**GOOD, **changes}.items() if said is not MISSING}
    return json.dumps(members).encode()


def refusal(sent: bytes | None, key: bytes | None = b"acme/silence/db-upgrade") -> tuple[Rejection, str]:
    """Return why a record is refused."""
    with pytest.raises(RejectedRecordError) as caught:
        parse_control(key, sent)
    return caught.value.reason, caught.value.detail


def test_a_version_is_read_as_sent() -> None:
    sent = value()
    record = parse_control(b"acme/silence/db-upgrade", sent)
    assert isinstance(record, ControlRecord)
    assert record.key == KEY
    assert (record.version, record.author, record.comment) == (3, "ada", "the database is upgraded")
    assert record.updated_at == 1_795_683_600_000  # 09:00 UTC
    assert record.spec is not None
    assert json.loads(record.spec) == {"matchers": ['job="db"']}
    assert not record.deleted
    assert record.value == sent


def test_a_version_that_deletes_has_no_spec() -> None:
    for spec in (MISSING, None):
        record = parse_control(as_bytes(KEY), value(deleted=True, spec=spec))
        assert isinstance(record, ControlRecord)
        assert record.deleted
        assert record.spec is None


def test_a_record_without_a_value_is_a_tombstone() -> None:
    assert parse_control(as_bytes(KEY), None) == Tombstone(KEY)


def test_what_is_made_to_be_sent_is_read_back() -> None:
    record = new_record(KEY, 1, "ada", 1_795_687_200_123, "why \u00fc", b'{"matchers":[]}')
    assert parse_control(as_bytes(record.key), record.value) == record
    deletion = new_record(KEY, 2, "ada", 1_795_687_200_123, "", None)
    assert deletion.deleted
    assert parse_control(as_bytes(KEY), deletion.value) == deletion
    assert "spec" not in json.loads(deletion.value)


REFUSED: list[tuple[str, bytes, Rejection, str]] = [
    ("nothing", b"", Rejection.NOT_JSON, "Send one JSON object"),
    ("half an object", value()[:-1], Rejection.NOT_JSON, "Send one JSON object"),
    ("a list", b"[]", Rejection.INVALID_CONTROL, "expected a set of fields, got a list"),
    ("not UTF-8", value(comment="X").replace(b"X", b"\xff"), Rejection.NOT_UTF8, "Send UTF-8"),
    ("not UTF-8 in the spec", value(spec="X").replace(b"X", b"\xff"), Rejection.NOT_UTF8, "Send UTF-8"),
    ("too deep", value(spec="X").replace(b'"X"', b"[" * 600 + b"]" * 600), Rejection.NESTED_TOO_DEEP, "Nest less"),
    ("too large", value(spec="x" * 65536), Rejection.RECORD_TOO_LARGE, "the limit is 65536"),
    ("an unknown field", value(authr="x"), Rejection.INVALID_CONTROL, "authr: is not a field. Did you mean author?"),
    (
        "an unlikely field",
        value(zzz=1),
        Rejection.INVALID_CONTROL,
        "zzz: is not a field. Remove it; known here: tenant_id, kind, id",
    ),
    (
        "no version",
        value(version=MISSING),
        Rejection.INVALID_CONTROL,
        "version: is missing. Add a version from 1, for example 1",
    ),
    ("version 0", value(version=0), Rejection.INVALID_CONTROL, "version: expected a whole number >= 1"),
    (
        "a version as text",
        value(version="3"),
        Rejection.INVALID_CONTROL,
        "version: expected a whole number, got text. Write a version from 1",
    ),
    ("an enormous version", value(version=2**60), Rejection.INVALID_CONTROL, "version: "),
    ("nobody", value(author=""), Rejection.INVALID_CONTROL, "author: "),
    ("a long author", value(author="\u00fc" * 200), Rejection.INVALID_CONTROL, "author: has 400 bytes"),
    ("a long comment", value(comment="x" * 4097), Rejection.INVALID_CONTROL, "comment: has 4097 bytes"),
    ("no offset", value(updated_at="2026-11-26T10:00:00"), Rejection.INVALID_CONTROL, "updated_at: "),
    ("Go's zero time", value(updated_at="0001-01-01T00:00:00Z"), Rejection.INVALID_CONTROL, "updated_at: is no moment"),
    ("no spec", value(spec=MISSING), Rejection.INVALID_CONTROL, "spec: is missing"),
    ("a spec that is deleted", value(deleted=True), Rejection.INVALID_CONTROL, "spec: stands in a record that deletes"),
    ("an odd tenant", value(tenant_id="Acme"), Rejection.INVALID_TENANT, "tenant_id: 'Acme' is no tenant"),
    ("an odd id", value(id="a b"), Rejection.INVALID_CONTROL, "id: 'a b' is no id"),
    ("a long id", value(id="a" * 129), Rejection.INVALID_CONTROL, "id: "),
]


@pytest.mark.parametrize(("sent", "reason", "told"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_version_is_refused_with_path_and_remedy(sent: bytes, reason: Rejection, told: str) -> None:
    found, detail = refusal(sent)
    assert (found, told in detail) == (reason, True), detail


def test_an_unknown_kind_is_refused_with_the_kinds_there_are() -> None:
    reason, detail = refusal(value(kind="silense"))
    assert reason is Rejection.INVALID_CONTROL
    assert detail == (
        "kind: 'silense' is no kind of rule (known: silence, maintenance_window, calendar, inhibit_rule, storm_policy,"
        " flap_policy, identity_rule, tenant, topology, feedback). Did you mean silence?"
    )
    assert set(SPECS) == set(detail.partition("known: ")[2].partition(")")[0].split(", "))


KEYS: list[tuple[str, bytes | None, Rejection]] = [
    ("none", None, Rejection.CONTROL_KEY_MISMATCH),
    ("the tenant only", b"acme", Rejection.CONTROL_KEY_MISMATCH),
    ("one part too many", b"acme/silence/db-upgrade/x", Rejection.CONTROL_KEY_MISMATCH),
    ("not UTF-8", b"acme/silence/\xff", Rejection.CONTROL_KEY_MISMATCH),
    ("another tenant's", b"globex/silence/db-upgrade", Rejection.CONTROL_KEY_MISMATCH),
    ("another kind's", b"acme/inhibit_rule/db-upgrade", Rejection.CONTROL_KEY_MISMATCH),
    ("another rule's", b"acme/silence/other", Rejection.CONTROL_KEY_MISMATCH),
    ("of an unknown kind", b"acme/workflow/db-upgrade", Rejection.INVALID_CONTROL),
]


@pytest.mark.parametrize(("key", "reason"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_a_key_that_is_not_the_record_s_own_is_refused(key: bytes | None, reason: Rejection) -> None:
    found, detail = refusal(value(), key)
    assert found is reason
    assert ". " in detail, "the remedy"


def test_a_tombstone_of_what_cannot_be_is_refused() -> None:
    assert refusal(None, b"acme/silence")[0] is Rejection.CONTROL_KEY_MISMATCH
    assert refusal(None, b"Acme/silence/x")[0] is Rejection.INVALID_TENANT


def test_a_tenant_has_one_record_of_kind_tenant_called_as_itself() -> None:
    reason, detail = refusal(value(kind="tenant", id="globex"), b"acme/tenant/globex")
    assert (reason, detail) == (
        Rejection.INVALID_CONTROL,
        "id: 'globex' is not the tenant. Write acme: a tenant has one record of this kind, called as itself",
    )


def version(number: int, updated_at: int = 0, comment: str = "") -> ControlRecord:
    return new_record(KEY, number, "ada", updated_at, comment, b"{}")


def test_the_higher_version_is_newer_whatever_its_time() -> None:
    assert is_newer(version(2, updated_at=0), version(1, updated_at=9000))
    assert not is_newer(version(1, updated_at=9000), version(2, updated_at=0))


def test_of_one_version_the_later_is_newer_and_then_the_greater_bytes() -> None:
    assert is_newer(version(1, updated_at=2), version(1, updated_at=1))
    assert is_newer(version(1, comment="b"), version(1, comment="a"))
    assert not is_newer(version(1), version(1))
