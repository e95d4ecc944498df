from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.control.diff import Action, ControlChange, Writer, changes, removals
from pipeline.control.export import export_files
from pipeline.control.folder import ControlFolder, read_folder
from pipeline.schemas.control_records import ControlKey, ControlRecord, new_record

if TYPE_CHECKING:
    from pathlib import Path

CALM = ControlKey("acme", "storm_policy", "calm")
BY_BOB = Writer("bob", 5000)
DOCUMENT = """\
kind: storm_policy
id: calm
comment: we are few
spec: {floor: 50, enabled: true}
"""


def folder(tmp_path: Path, text: str = DOCUMENT) -> ControlFolder:
    (tmp_path / "acme").mkdir(exist_ok=True)
    (tmp_path / "acme" / "rules.yml").write_text(text)
    found = read_folder(tmp_path)
    assert found.problems == []
    return found


def record(
    spec: str | None = '{"floor":50}', *, key: ControlKey = CALM, version: int = 3, comment: str = "we are few"
) -> ControlRecord:
    return new_record(key, version, "ada", 1000, comment, None if spec is None else spec.encode())


def differences(found: ControlFolder, *newest: ControlRecord) -> list[ControlChange]:
    return changes(found.rules.values(), {one.key: one for one in newest}, BY_BOB)


def test_what_is_not_on_the_topic_is_added_as_version_1(tmp_path: Path) -> None:
    (change,) = differences(folder(tmp_path))
    assert (change.action, change.before) == (Action.ADDED, None)
    assert change.after == new_record(CALM, 1, "bob", 5000, "we are few", b'{"floor":50}')
    assert change.diff() == (
        "--- nothing\n"
        "+++ acme/storm_policy/calm version 1\n"
        "@@ -0,0 +1,3 @@\n"
        "+comment: we are few\n"
        "+spec:\n"
        "+  floor: 50\n"
    )


def test_what_says_the_same_in_other_words_is_unchanged(tmp_path: Path) -> None:
    for spec in ('{"floor":50}', '{ "quiet_minutes": 5, "floor": 50 }'):
        assert differences(folder(tmp_path), record(spec)) == []


def test_what_differs_is_written_as_the_next_version(tmp_path: Path) -> None:
    newest = record('{"floor":50,"quiet_minutes":9}')
    (change,) = differences(folder(tmp_path), newest)
    assert (change.action, change.before) == (Action.CHANGED, newest)
    assert change.after == new_record(CALM, 4, "bob", 5000, "we are few", b'{"floor":50}')
    assert change.diff().splitlines() == [
        "--- acme/storm_policy/calm version 3",
        "+++ acme/storm_policy/calm version 4",
        "@@ -2,3 +2,2 @@",
        " spec:",
        "   floor: 50",
        "-  quiet_minutes: 9",
    ]


def test_another_comment_is_a_difference_and_another_author_only_if_the_document_names_one(tmp_path: Path) -> None:
    assert [one.after.comment for one in differences(folder(tmp_path), record(comment="old"))] == ["we are few"]
    assert differences(folder(tmp_path, DOCUMENT + "author: ada\n"), record()) == []
    (change,) = differences(folder(tmp_path, DOCUMENT + "author: eve\n"), record())
    assert change.after.author == "eve"


def test_what_was_deleted_is_added_with_the_next_version(tmp_path: Path) -> None:
    (change,) = differences(folder(tmp_path), record(None))
    assert (change.action, change.before, change.after.version) == (Action.ADDED, None, 4)


def test_what_no_worker_can_read_is_replaced(tmp_path: Path) -> None:
    (change,) = differences(folder(tmp_path), record('{"flor": 50}'))
    assert (change.action, change.after.version) == (Action.CHANGED, 4)
    assert "-  flor: 50\n+  floor: 50\n" in change.diff()


def test_what_is_pruned_is_all_that_the_folder_does_not_have_of_its_tenants(tmp_path: Path) -> None:
    other = ControlKey("acme", "flap_policy", "other")
    gone = ControlKey("acme", "flap_policy", "gone")
    of_others = ControlKey("globex", "flap_policy", "other")
    newest = {
        one.key: one for one in (record(), record("{}", key=other), record(None, key=gone), record(key=of_others))
    }
    found = folder(tmp_path)
    (change,) = removals(found.rules.keys(), found.tenants, newest, BY_BOB)
    assert (change.action, change.before) == (Action.REMOVED, newest[other])
    assert change.after == new_record(other, 4, "bob", 5000, "no longer in the folder", None)
    assert change.diff().splitlines()[:3] == [
        "--- acme/flap_policy/other version 3",
        "+++ acme/flap_policy/other version 4",
        "@@ -1,2 +0,0 @@",
    ]


# -- export


def test_an_exported_folder_is_unchanged(tmp_path: Path) -> None:
    records = [
        record('{"floor": 50,"enabled":true}'),
        record('{"matchers":["a=\\"no\\"","b=~\\"1e3|02:00\\""]}', key=ControlKey("acme", "flap_policy", "Odd:id.1")),
        record("{}", key=ControlKey("globex", "tenant", "globex"), comment="  many\nlines: #1\n"),
        record("{}", key=ControlKey("globex", "flap_policy", "on"), comment=""),
        record(None, key=ControlKey("globex", "flap_policy", "deleted")),
    ]
    for name, text in export_files(records).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = read_folder(tmp_path)
    assert found.problems == []
    assert found.rules.keys() == {one.key for one in records if not one.deleted}
    assert differences(found, *records) == []


def test_an_exported_file_is_what_a_person_would_write() -> None:
    records = [record(), record('{"matchers":["job=\\"db\\""]}', key=ControlKey("acme", "flap_policy", "b"))]
    records.append(record('{"window":"1h"}', key=ControlKey("acme", "flap_policy", "a"), comment=""))
    assert export_files(records) == {
        "acme/flap_policy.yml": (
            "kind: flap_policy\n"
            "id: a\n"
            "author: ada\n"
            "spec:\n"
            "  window: 1h\n"
            "---\n"
            "kind: flap_policy\n"
            "id: b\n"
            "comment: we are few\n"
            "author: ada\n"
            "spec:\n"
            "  matchers:\n"
            '    - job="db"\n'
        ),
        "acme/storm_policy.yml": (
            "kind: storm_policy\nid: calm\ncomment: we are few\nauthor: ada\nspec:\n  floor: 50\n"
        ),
    }


def test_a_file_that_would_be_too_large_to_read_is_split(tmp_path: Path) -> None:
    names = json.dumps(["n" * 1000] * 60)
    tenants = [f"t{number:02}" for number in range(3)]
    big = [
        record(f'{{"drop":{names}}}', key=ControlKey(tenant, "identity_rule", f"r{number:02}"))
        for tenant in tenants
        for number in range(10)
    ]
    files = export_files(big)
    assert sorted(files) == [f"{tenant}/identity_rule{part}.yml" for tenant in tenants for part in ("-2", "")]
    assert all(len(text) <= 2**20 for text in files.values())
    assert sum(text.count("kind: ") for text in files.values()) == 30
