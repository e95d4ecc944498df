from __future__ import annotations

import pytest

from pipeline.domain.timestamps import to_text
from pipeline.ledger.entries import Ledger
from pipeline.schemas.own import SOURCE
from tests.ledger_records import FIRST_SEEN, MINUTE, SECOND, SIX, change, entries, own_change


def test_a_record_was_when_it_was_recorded() -> None:
    (entry,) = entries((change("suppressed", SIX), SIX + 9 * SECOND))
    assert (entry.at, entry.is_exact) == (SIX + 9 * SECOND, True)


@pytest.mark.parametrize(
    ("kind", "fields", "at"),
    [
        ("opened", {}, SIX + MINUTE),
        ("reopened", {}, SIX + MINUTE),
        ("severity_raised", {}, SIX + MINUTE),
        ("severity_lowered", {}, SIX + MINUTE),
        ("flapping", {}, SIX + MINUTE),
        ("flapping", {"status": "resolved", "ends_at": to_text(SIX + 90 * SECOND)}, SIX + 90 * SECOND),
        ("resolved", {"ends_at": to_text(SIX + 90 * SECOND)}, SIX + 90 * SECOND),
        ("expired", {"ends_at": to_text(SIX + 90 * SECOND)}, SIX + 90 * SECOND),
    ],
)
def test_most_changes_say_themselves_when_they_were(kind: str, fields: dict[str, str], at: int) -> None:
    (entry,) = entries(change(kind, SIX + MINUTE, **fields))
    assert (entry.at, entry.is_exact) == (at, True)


@pytest.mark.parametrize("kind", ["suppressed", "unsuppressed", "steady", "repeated"])
def test_a_change_that_does_not_say_when_it_was_was_not_before_what_stands_in_front_of_it(kind: str) -> None:
    other = change("opened", SIX + MINUTE, fingerprint="another")
    late = change("opened", SIX - MINUTE, fingerprint="late")
    found = entries(other, late, change(kind, SIX), change(kind, SIX + 2 * MINUTE))
    assert [(one.at, one.is_exact) for one in found[1:]] == [
        (SIX - MINUTE, True),
        (SIX + MINUTE, False),
        (SIX + 2 * MINUTE, False),
    ]


def test_the_digest_of_a_storm_says_when_it_was() -> None:
    (entry,) = entries(own_change("AlertStorm", "repeated", SIX + 5 * MINUTE, since=SIX))
    assert (entry.at, entry.is_exact) == (SIX + 5 * MINUTE, True)


def test_records_of_other_tenants_are_not_ours_by_key_or_by_value() -> None:
    ledger = Ledger("acme")
    assert ledger.take(b"globex", change(tenant_id="globex"), SIX) is None
    assert ledger.take(None, change(tenant_id="initech"), SIX) is None
    assert (ledger.others, ledger.count, ledger.refused) == ({"globex", "initech"}, 0, 0)


def test_a_record_without_a_key_is_ours_if_it_says_so() -> None:
    entry = Ledger("acme").take(None, change(), SIX)
    assert entry is not None


@pytest.mark.parametrize(
    "value",
    [None, b"", b"oops", b"[]", b'{"tenant_id": "acme"}', b"\xff", b'{"id": "\xff"}', b'{"x": ' + b"[" * 100_000],
)
def test_what_is_no_change_is_counted_and_passed_over(value: bytes | None) -> None:
    ledger = Ledger("acme")
    assert ledger.take(b"acme", value, SIX) is None
    assert (ledger.count, ledger.refused) == (0, 1)


def test_only_what_the_pipeline_says_is_its_own_however_a_sender_calls_itself() -> None:
    ours, theirs = entries(
        own_change("AlertStorm", "opened", SIX, since=SIX), change("opened", SIX, FIRST_SEEN, source=SOURCE)
    )
    assert (ours.record.is_own, theirs.record.is_own) == (True, False)


def test_a_change_that_a_newer_release_invented_is_taken_all_the_same() -> None:
    (entry,) = entries((change("merged", SIX), SIX))
    assert entry.record.change == "merged"
