from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline.domain.errors import ConfigurationError
from pipeline.domain.partitioner import partition_of
from pipeline.exchange import Line, Place
from pipeline.replay_control import FROM_THE_START, ControlInput, ControlLog, read_control, recorded
from pipeline.schemas.control_records import ControlKey, new_record

if TYPE_CHECKING:
    from pathlib import Path

QUIET = """\
kind: silence
id: quiet
comment: why
spec: {matchers: [a=b], starts_at: 2026-01-01T00:00:00Z, ends_at: 2026-01-02T00:00:00Z}
---
kind: tenant
id: acme
comment: why
spec: {max_silence: 30d}
"""


def record(
    at: int, rule_id: str = "x", partition: int | None = None, offset: int = 0, tenant: str = "acme"
) -> ControlInput:
    return ControlInput(at, f"{tenant}/silence/{rule_id}".encode(), b"{}", (), partition, offset)


def line(number: int, timestamp: int | None, topic: str = "control", partition: int = 0) -> Line:
    return Line(number, b"acme/silence/x", b"{}", (), timestamp, Place(topic, partition, number))


def order(log: ControlLog, partitions: int | None = None) -> dict[int, list[tuple[int, int]]]:
    """Return (time, offset) of the records of each partition."""
    return {number: [(one.at, one.offset) for one in found] for number, found in log.by_partition(partitions).items()}


def test_a_folder_is_in_force_from_the_start_and_the_policy_of_a_tenant_before_what_it_judges(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "rules.yml").write_text(QUIET)
    found = read_control(tmp_path).records
    assert [(one.at, one.key) for one in found] == [
        (FROM_THE_START, b"acme/tenant/acme"),
        (FROM_THE_START, b"acme/silence/quiet"),
    ]
    assert json.loads(found[1].value or b"") == {
        "tenant_id": "acme",
        "kind": "silence",
        "id": "quiet",
        "version": 1,
        "author": "-",
        "updated_at": "1970-01-01T00:00:00Z",
        "comment": "why",
        "deleted": False,
        "spec": {"matchers": ["a=b"], "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"},
    }


def test_every_problem_of_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text("kind: silence\n---\nkind: sirene\n")
    with pytest.raises(ConfigurationError) as error:
        read_control(tmp_path)
    assert f"{tmp_path / 'rules.yml'}:1: " in str(error.value)
    assert f"{tmp_path / 'rules.yml'}:3: " in str(error.value)
    assert str(error.value).endswith(f"{tmp_path} has 2 problems.")


def test_a_recording_of_the_topic_holds_from_its_timestamps_on(tmp_path: Path) -> None:
    file = tmp_path / "control.jsonl"
    said = {"topic": "control", "partition": 3, "offset": 7, "timestamp": 99, "key": "k", "headers": [], "value": None}
    file.write_text(json.dumps(said))
    assert read_control(file) == ControlLog([ControlInput(99, b"k", None, [], 3, 7)])


@pytest.mark.parametrize("other", [line(8, 1, "alerts.raw"), Line(8, b"acme", b"{}", (), 1)])
def test_what_is_no_record_of_the_topic_is_refused_with_its_line(other: Line) -> None:
    with pytest.raises(ConfigurationError, match=r"rules\.jsonl, line 8, is no record of the topic control"):
        recorded("rules.jsonl", [line(7, 1), other])


def test_a_record_without_a_time_holds_as_soon_as_the_one_before_it() -> None:
    log = recorded("x", [line(1, None), line(2, 50), line(3, None)])
    assert order(log, 1) == {0: [(FROM_THE_START, 1), (50, 2), (50, 3)]}


def test_a_record_never_overtakes_one_before_it_on_its_partition() -> None:
    log = ControlLog([record(50, partition=0, offset=1), record(20, partition=0, offset=2), record(30, partition=1)])
    assert order(log, 2) == {0: [(50, 1), (50, 2)], 1: [(30, 0)]}


def test_without_partitions_records_of_all_of_them_come_in_the_order_of_their_times() -> None:
    log = ControlLog([record(50, partition=0, offset=9), record(30, partition=1, offset=4)])
    assert order(log) == {0: [(30, 0), (50, 1)]}


def test_a_record_without_a_place_goes_to_the_partition_of_its_tenant() -> None:
    log = ControlLog([record(1), record(2, tenant="globex"), record(3)])
    assert order(log, 4) == {partition_of("acme", 4): [(1, 0), (3, 1)], partition_of("globex", 4): [(2, 0)]}


def test_a_record_whose_tenant_cannot_be_read_goes_where_it_becomes_a_dead_letter() -> None:
    assert order(ControlLog([ControlInput(1, b"nobody", b"{}")]), 4) == {0: [(1, 0)]}


def test_a_record_that_is_there_twice_comes_once() -> None:
    log = ControlLog([record(1, partition=0, offset=5), record(1, partition=0, offset=5)])
    assert order(log, 1) == {0: [(1, 5)]}


def test_what_is_older_than_the_range_holds_from_the_start() -> None:
    log = ControlLog([record(10), record(20), record(30)]).holding(20)
    assert [one.at for one in log.records] == [FROM_THE_START, 20, 30]


def test_the_records_of_one_tenant_are_found_by_its_whole_name() -> None:
    log = ControlLog([record(1), record(1, tenant="acme-2"), ControlInput(1, None, None)])
    assert [one.key for one in log.of_tenant("acme").records] == [b"acme/silence/x"]


def test_a_rule_that_is_added_holds_after_all_others_that_hold_from_the_start() -> None:
    added = new_record(ControlKey("acme", "silence", "new"), 1, "ada", 0, "why", b"{}")
    log = ControlLog([record(FROM_THE_START), record(5, "late")]).having(added)
    assert [one.key for one in log.records] == [b"acme/silence/x", b"acme/silence/new", b"acme/silence/late"]


def test_all_versions_of_a_rule_can_be_left_out() -> None:
    log = ControlLog([record(1), record(2, "y"), record(3)])
    assert [one.at for one in log.without(ControlKey("acme", "silence", "x")).records] == [2]
