from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.control.diff import Action, Writer
from pipeline.control.folder import read_folder
from pipeline.control.plan import Plan, plan
from pipeline.control.yaml import write_document
from pipeline.domain.timestamps import to_ms
from pipeline.schemas.control_records import ControlKey, ControlRecord, new_record

if TYPE_CHECKING:
    from pathlib import Path

KEY = ControlKey("acme", "silence", "up")
SECOND, THIRD = ControlKey("acme", "silence", "up.r2"), ControlKey("acme", "silence", "up.r3")
SPEC = {"matchers": ['job="db"'], "starts_at": "2026-11-26T10:00:00Z", "ends_at": "2026-11-26T12:00:00Z"}
WIDER = {**SPEC, "matchers": ['job=~"db|web"']}
MONDAYS = {
    "rrule": "FREQ=WEEKLY;BYDAY=MO",
    "start": "02:00",
    "duration": "4h",
    "time_zone": "Europe/Berlin",
    "from": "2026-11-01",
}


def at(clock: str) -> int:
    """Return a time of the day of the silence."""
    found = to_ms(datetime.fromisoformat(f"2026-11-26T{clock}:00").replace(tzinfo=UTC))
    assert found is not None
    return found


class Scene:
    """A folder, a topic and a clock."""

    def __init__(self, tmp_path: Path) -> None:
        self._folder = tmp_path
        self.topic: dict[ControlKey, ControlRecord] = {}

    def plan(self, clock: str, *, prune: bool = False, **specs: dict[str, Any]) -> Plan:
        """Return what a folder with these silences comes to; `_` in a name is a dot in the id."""
        documents = [
            {"tenant": "acme", "kind": "silence", "id": name.replace("_", "."), "comment": "c", "spec": spec}
            for name, spec in specs.items()
        ]
        (self._folder / "a.yml").write_text("---\n".join(map(write_document, documents)))
        found = read_folder(self._folder)
        assert found.problems == []
        return plan(found, self.topic, Writer("bob", at(clock)), prune=prune)

    def apply(self, clock: str, *, prune: bool = False, **specs: dict[str, Any]) -> list[tuple[Action, str]]:
        """Do what a folder comes to, and return what was done."""
        made = self.plan(clock, prune=prune, **specs)
        assert made.problems == []
        self.topic.update({step.key: step.after for step in made.changes})
        return [(step.action, step.key.id) for step in made.changes]

    def spec(self, key: ControlKey) -> Any:
        """Return what the topic says of a silence."""
        spec = self.topic[key].spec
        return None if spec is None else json.loads(spec)


def test_a_silence_is_added_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.apply("11:00", up=SPEC) == [(Action.ADDED, "up")]
    assert scene.spec(KEY) == SPEC
    assert scene.apply("11:01", up=SPEC) == []


def test_a_later_end_keeps_the_id(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("10:30", up=SPEC)
    assert scene.apply("11:00", up={**SPEC, "ends_at": "2026-11-26T13:00:00Z"}) == [(Action.CHANGED, "up")]
    assert scene.topic[KEY].version == 2


def test_a_silence_that_is_pending_keeps_its_id_only_for_other_times(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("09:00", up=SPEC)
    assert scene.apply("09:10", up={**SPEC, "starts_at": "2026-11-26T11:00:00Z"}) == [(Action.CHANGED, "up")]
    assert scene.apply("09:20", up=WIDER) == [(Action.EXPIRED, "up"), (Action.ADDED, "up.r2")]
    assert scene.spec(KEY)["starts_at"] == scene.spec(KEY)["ends_at"] == "2026-11-26T09:20:00Z"


def test_other_matchers_end_an_active_silence_and_begin_another_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("10:30", up=SPEC)
    made = scene.plan("11:00", up=WIDER)
    assert [step.why for step in made.changes] == [
        "an edit of its matchers or its past ends a silence, and begins another"
    ] * 2
    assert scene.apply("11:00", up=WIDER) == [(Action.EXPIRED, "up"), (Action.ADDED, "up.r2")]
    assert scene.spec(KEY) == {**SPEC, "ends_at": "2026-11-26T11:00:00Z"}
    assert (scene.topic[KEY].version, scene.topic[KEY].author) == (2, "bob")
    assert (scene.spec(SECOND), scene.topic[SECOND].version) == (WIDER, 1)
    assert scene.apply("11:01", up=WIDER) == []
    assert scene.apply("11:02", up=WIDER, prune=True) == []
    assert scene.apply("11:03", up={**WIDER, "ends_at": "2026-11-26T13:00:00Z"}) == [(Action.CHANGED, "up.r2")]
    assert scene.apply("11:04", up=SPEC) == [(Action.EXPIRED, "up.r2"), (Action.ADDED, "up.r3")]
    assert scene.spec(THIRD) == SPEC


def test_a_silence_that_ended_begins_anew_under_the_next_id(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("10:30", up=SPEC)
    before = scene.topic[KEY]
    again = {**SPEC, "starts_at": "2026-11-26T14:00:00Z", "ends_at": "2026-11-26T15:00:00Z"}
    assert scene.apply("12:30", up=SPEC) == []
    assert scene.apply("13:00", up=again) == [(Action.ADDED, "up.r2")]
    assert scene.topic[KEY] == before


def test_an_end_in_the_past_ends_an_active_silence(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("10:30", up=SPEC)
    early = {**SPEC, "ends_at": "2026-11-26T10:45:00Z"}
    assert scene.apply("11:00", up=early) == [(Action.EXPIRED, "up")]
    assert scene.spec(KEY) == early
    assert scene.apply("11:01", up=early) == []


def test_what_has_ended_keeps_its_history(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("10:30", up=SPEC)
    made = scene.plan("13:00", up=WIDER)
    assert made.changes == []
    assert [str(problem).replace(str(tmp_path), "") for problem in made.problems] == [
        "/a.yml:1: acme/silence/up the silence has ended, and so has what is written now. "
        "Write a later end, or leave it as it was"
    ]


def test_a_silence_that_recurs_keeps_its_id_while_its_past_does(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    spec = {"matchers": ["a=b"], "recurs": MONDAYS}
    scene.apply("10:00", up=spec)
    until = {**spec, "recurs": {**MONDAYS, "until": "2027-11-01"}}
    assert scene.apply("11:00", up=until) == [(Action.CHANGED, "up")]
    tuesdays = {**spec, "recurs": {**MONDAYS, "rrule": "FREQ=WEEKLY;BYDAY=TU"}}
    assert scene.apply("12:00", up=tuesdays) == [(Action.EXPIRED, "up"), (Action.ADDED, "up.r2")]
    assert "recurs" not in scene.spec(KEY)


def test_what_no_worker_took_is_replaced_in_its_place(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.topic[KEY] = new_record(KEY, 5, "eve", 0, "", b'{"matchers": ["(="]}')
    assert scene.apply("11:00", up=SPEC) == [(Action.CHANGED, "up")]
    assert scene.topic[KEY].version == 6


def test_a_silence_that_was_deleted_is_added_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.topic[KEY] = new_record(KEY, 5, "eve", 0, "", None)
    assert scene.apply("11:00", up=SPEC) == [(Action.ADDED, "up")]
    assert scene.topic[KEY].version == 6


def test_a_folder_that_has_the_successors_too_is_taken_as_it_is(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("10:30", up=SPEC)
    scene.apply("11:00", up=WIDER)
    exported = {"up": scene.spec(KEY), "up_r2": scene.spec(SECOND)}
    assert scene.apply("11:01", **exported) == []
    exported["up_r2"] = SPEC
    assert scene.apply("11:02", **exported) == [(Action.EXPIRED, "up.r2"), (Action.ADDED, "up.r3")]


def test_pruning_removes_silences_that_no_document_stands_for(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("10:30", up=SPEC, other=SPEC)
    scene.apply("11:00", up=WIDER, other=WIDER)
    assert scene.apply("11:01", up=WIDER, prune=True) == [(Action.REMOVED, "other"), (Action.REMOVED, "other.r2")]
    assert scene.topic[ControlKey("acme", "silence", "other.r2")].deleted


def test_a_silence_that_begins_and_ends_at_once_is_a_problem_where_it_is_an_edit(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("10:30", up=SPEC)
    never = {**SPEC, "starts_at": "2026-11-26T15:00:00Z", "ends_at": "2026-11-26T15:00:00Z"}
    (problem,) = scene.plan("11:00", up=never).problems
    assert "start time must be before end time" in str(problem)


def test_a_silence_is_no_longer_than_its_tenant_allows_in_the_folder_or_on_the_topic(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    policy = ControlKey("acme", "tenant", "acme")
    scene.topic[policy] = new_record(policy, 1, "eve", 0, "", b'{"max_silence": "1h"}')
    (problem,) = scene.plan("09:00", up=SPEC).problems
    assert "/a.yml:1: acme/silence/up the silence lasts 2" in str(problem)
    assert "max_silence" in str(problem)
    scene.topic[policy] = new_record(policy, 2, "eve", 0, "", b'{"max_silence": "2h"}')
    assert scene.apply("09:00", up=SPEC) == [(Action.ADDED, "up")]


def test_an_id_with_no_room_for_a_number_is_a_problem(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    name = "x" * 128
    assert scene.apply("10:30", prune=False, **{name: SPEC}) == [(Action.ADDED, name)]
    (problem,) = scene.plan("11:00", prune=False, **{name: WIDER}).problems
    assert "is no id" in str(problem)
