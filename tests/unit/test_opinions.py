from __future__ import annotations

import json
from typing import Any

from pipeline.ledger.opinions import Opinions, Threshold
from pipeline.schemas.control_records import ControlKey, ControlRecord, new_record
from tests.ledger_records import MINUTE, SIX

NOISE = {"says": "noise", "name": "Disk"}
WANTED = {"says": "wanted", "name": "Disk"}


def version(
    name: str, number: int, at: int, spec: dict[str, Any] | None, tenant: str = "acme", kind: str = "feedback"
) -> ControlRecord:
    """Return a version of a record; without a spec it deletes it."""
    text = None if spec is None else json.dumps(spec).encode()
    return new_record(ControlKey(tenant, kind, name), number, "ada", at, "", text)


def opinions(*records: ControlRecord, until: int | None = None) -> Opinions:
    found = Opinions("acme", until)
    for record in records:
        found.take(str(record.key).encode(), record.value)
    return found


def told(found: Opinions, since: int | None = None) -> list[tuple[str, int]]:
    """Return what holds, and since when something was said of its subject."""
    return [(one.opinion.says.value, one.first_at) for one in found.holding(since)]


def test_an_opinion_holds_from_when_it_was_written() -> None:
    assert told(opinions(version("o1", 1, SIX, NOISE))) == [("noise", SIX)]


def test_an_opinion_that_was_taken_back_does_not_count() -> None:
    found = opinions(version("o1", 1, SIX, NOISE), version("o1", 2, SIX + MINUTE, None))
    assert (told(found), found.taken_back()) == ([], 1)


def test_a_record_without_a_value_takes_an_opinion_back_too() -> None:
    found = opinions(version("o1", 1, SIX, NOISE))
    found.take(b"acme/feedback/o1", None)
    assert told(found) == []


def test_a_new_version_counts_and_the_first_word_on_the_subject_is_remembered() -> None:
    found = opinions(version("o1", 1, SIX, NOISE), version("o1", 2, SIX + MINUTE, WANTED))
    assert told(found) == [("wanted", SIX)]


def test_of_several_records_about_one_subject_the_newest_counts() -> None:
    records = version("o1", 1, SIX + MINUTE, WANTED), version("o2", 1, SIX, NOISE)
    assert told(opinions(*records)) == [("wanted", SIX)]


def test_another_instance_is_another_subject() -> None:
    records = version("o1", 1, SIX, NOISE), version("o2", 1, SIX + MINUTE, {**NOISE, "instance": "a"})
    assert told(opinions(*records)) == [("noise", SIX), ("noise", SIX + MINUTE)]


def test_the_order_in_which_versions_are_read_does_not_matter() -> None:
    records = [version("o1", 1, SIX, NOISE), version("o1", 2, SIX + MINUTE, WANTED)]
    assert told(opinions(*records)) == told(opinions(*reversed(records)))


def test_an_opinion_whose_first_version_is_gone_may_have_taught_before_and_is_left_out() -> None:
    found = opinions(version("o1", 2, SIX, NOISE))
    assert (told(found), found.undated()) == ([], 1)


def test_only_what_was_said_in_the_time_that_is_asked_for_counts() -> None:
    records = [
        version("o1", 1, SIX, NOISE),
        version("o2", 1, SIX + MINUTE, {"says": "root_cause", "incident": "i", "node": "n"}),
    ]
    assert told(opinions(*records), since=SIX + MINUTE) == [("root_cause", SIX + MINUTE)]
    assert told(opinions(*records, until=SIX + MINUTE)) == [("noise", SIX)]


def test_what_is_taken_back_later_still_held_then() -> None:
    records = [version("o1", 1, SIX, NOISE), version("o1", 2, SIX + MINUTE, None)]
    assert told(opinions(*records, until=SIX + MINUTE)) == [("noise", SIX)]


def test_other_tenants_and_other_kinds_and_what_no_worker_takes_are_passed_over() -> None:
    found = opinions(
        version("o1", 1, SIX, NOISE, tenant="globex"),
        version("t", 1, SIX, {"nodes": ["a"]}, kind="topology"),
        version("o3", 1, SIX, {"says": "noise"}),
    )
    found.take(b"nonsense", b"{}")
    assert (told(found), found.taken_back(), found.undated()) == ([], 0, 0)


def test_the_threshold_is_the_tenants_where_it_has_one() -> None:
    assert opinions().threshold == Threshold(0.9, None)
    assert opinions(version("acme", 1, SIX, {"never_suppress": "error"}, kind="tenant")).threshold == Threshold()
    said = [
        version("acme", number, SIX, {"noise": {"hide_from": 0.9 + number / 100}}, kind="tenant") for number in (1, 2)
    ]
    assert opinions(*said).threshold == Threshold(0.92, 2)
    assert opinions(*said, version("acme", 3, SIX, None, kind="tenant")).threshold == Threshold()
