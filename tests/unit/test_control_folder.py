from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline.control.folder import LARGEST_FILE, ControlFolder, ControlProblem, Place, read_file, read_folder
from pipeline.domain.storms import StormPolicy
from pipeline.schemas.control_records import ControlKey
from pipeline.schemas.rule_tests import STARTS_AT, Expect, Send

if TYPE_CHECKING:
    from pathlib import Path

STORM = """\
kind: storm_policy
id: calm
comment: we are few
spec: {floor: 50}
"""
TEST = """\
kind: test
id: storms-are-told
spec:
  steps:
    - {at: +0s, alert: {name: HighCPU, labels: {host: a}}}
    - {at: +1m, expect: {name: HighCPU, verdict: active, suppressed_by: []}}
"""


def folder(tmp_path: Path, **files: str) -> ControlFolder:
    """Return what a folder of these files says; `__` in a name is a folder's end."""
    for name, text in files.items():
        path = tmp_path / f"{name.replace('__', '/')}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return read_folder(tmp_path)


def problems(tmp_path: Path, **files: str) -> list[str]:
    """Return what is wrong, with paths below the folder."""
    return [str(one).replace(f"{tmp_path}/", "") for one in folder(tmp_path, **files).problems]


def test_rules_are_read_with_their_place_from_all_files_below(tmp_path: Path) -> None:
    found = folder(tmp_path, all="tenant: acme\n" + STORM + "---\n\ntenant: globex\n" + STORM, initech__deep__x=STORM)
    assert found.problems == []
    assert found.tenants == ["acme", "globex", "initech"]
    places = {key.tenant_id: (rule.place.file, rule.place.line) for key, rule in found.rules.items()}
    assert places == {
        "acme": (f"{tmp_path}/all.yml", 1),
        "globex": (f"{tmp_path}/all.yml", 8),
        "initech": (f"{tmp_path}/initech/deep/x.yml", 1),
    }


def test_a_rule_is_what_its_document_says(tmp_path: Path) -> None:
    found = folder(tmp_path, acme__a=STORM + "author: ada\n").rules[ControlKey("acme", "storm_policy", "calm")]
    assert (found.comment, found.author, json.loads(found.spec)) == ("we are few", "ada", {"floor": 50})
    assert isinstance(found.rule, StormPolicy)
    assert (found.rule.floor, found.rule.ref.id, found.rule.ref.comment) == (50, "calm", "we are few")


def test_the_files_are_those_that_end_in_yml_or_yaml_and_are_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "acme" / ".git").mkdir(parents=True)
    for name in ("a.yaml", "notes.txt", ".draft.yml", ".git/x.yml"):
        (tmp_path / "acme" / name).write_text(STORM.replace("calm", name.replace("/", "-").strip(".")))
    found = read_folder(tmp_path)
    assert [key.id for key in found.rules] == ["a.yaml"]
    assert found.problems == []


def test_comment_and_author_may_be_left_out(tmp_path: Path) -> None:
    (found,) = folder(tmp_path, acme__a=STORM.replace("comment: we are few\n", "")).rules.values()
    assert (found.comment, found.author) == ("", None)


def test_a_rule_needs_a_tenant(tmp_path: Path) -> None:
    assert problems(tmp_path, Acme__a=STORM, a=STORM) == [
        "Acme/a.yml:1: tenant 'Acme' is no tenant. Write lower-case letters, digits and '-', at most 63",
        "a.yml:1: tenant is missing. Add it, or put the file in a folder called so",
    ]


def test_a_tenant_s_folder_holds_no_rule_of_another(tmp_path: Path) -> None:
    assert problems(tmp_path, acme__a=STORM + "tenant: globex\n") == [
        "acme/a.yml:5: tenant globex is not the folder's, acme. Remove it, or move the file to a folder globex"
    ]
    assert folder(tmp_path, acme__a=STORM + "tenant: acme\n").problems == []


def test_everything_that_is_wrong_in_any_file_is_told_with_its_line(tmp_path: Path) -> None:
    fields = "Write the fields kind, id, spec, tenant, comment, author"
    told = problems(
        tmp_path,
        acme__a=STORM.replace("floor", "flor") + "---\n" + STORM.replace("id: calm", "id: on"),
        acme__b="kind: storm_polcy\nid: x\ncomment: c\nspec: {}\n---\nkind: storm_policy\n---\n[1]\n---\n5\n",
        acme__c="kind: flap_policy\nid: x\ncomment: 5\nspec: {}\n"
        "---\nkind: flap_policy\nid: y\ncomment: y\nspec:\n  matchers:\n    - a=b\n    - c=~(\n",
        acme__d="a: [",
    )
    refused = "acme/c.yml:12: spec.matchers[1] "  # and what the matchers say
    assert [line[: len(refused)] if line.startswith(refused) else line for line in told] == [
        "acme/a.yml:4: spec.flor is not a field. Did you mean floor?",
        "acme/a.yml:7: `on` without quotes is a boolean to some readers and text to others. "
        'Write true or false, or "on" for the text',
        "acme/b.yml:1: kind 'storm_polcy' is no kind of rule (known: silence, maintenance_window, calendar, "
        "inhibit_rule, storm_policy, flap_policy, identity_rule, tenant, topology, feedback). "
        "Did you mean storm_policy?",
        "acme/b.yml:6: id is missing. Add an id, for example db-upgrade",
        f"acme/b.yml:8: expected a set of fields, got a list. {fields}",
        f"acme/b.yml:10: expected a set of fields, got a whole number. {fields}",
        "acme/c.yml:3: comment expected text, got a whole number. Write why, for example the database is upgraded",
        refused,
        "acme/d.yml:2: is not YAML: did not find expected node content. Mend this line, or the one before it",
    ]


def test_one_rule_in_two_places_is_an_error_and_so_is_a_test(tmp_path: Path) -> None:
    assert problems(tmp_path, acme__a=f"{STORM}---\n{TEST}", acme__b=f"{TEST}---\n{STORM}") == [
        "acme/b.yml:2: id test storms-are-told is in acme/a.yml:6 as well. Remove one, or give it another id",
        "acme/b.yml:9: id acme/storm_policy/calm is in acme/a.yml:1 as well. Remove one, or give it another id",
    ]


def test_a_folder_that_is_none_or_empty_is_an_error(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path}: has no *.yml or *.yaml. Give the folder with the rules"]
    (problem,) = read_folder(tmp_path / "missing").problems
    assert (problem.what, problem.remedy) == ("is no folder", "Give the folder with the rules")


def test_a_file_that_cannot_be_a_rule_s_is_told_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "a.yml").write_bytes(b"# " + b"x" * LARGEST_FILE)
    (tmp_path / "acme" / "b.yml").write_bytes(b"a: 1\nb: \xff")
    (tmp_path / "acme" / "c.yml").write_bytes(b"\xef\xbb\xbf" + STORM.encode())  # as some editors begin UTF-8
    (tmp_path / "acme" / "d.yml").symlink_to("nowhere")
    (tmp_path / "acme" / "e.yml").write_text(STORM.replace("we are few", '"\\ud800"').replace("calm", "e"))
    found = read_folder(tmp_path)
    assert [str(one).replace(f"{tmp_path}/acme/", "") for one in found.problems] == [
        "a.yml: is larger than 1 MiB. Split it into several files",
        "b.yml:2: is not UTF-8. Save the file as UTF-8",
        "e.yml:3: is not YAML: found invalid Unicode character escape code. Mend this line, or the one before it",
    ]
    assert [key.id for key in found.rules] == ["calm"]


def test_a_record_that_would_be_too_large_is_told(tmp_path: Path) -> None:
    names = ", ".join(f"n{number:0300}" for number in range(250))
    (told,) = problems(tmp_path, acme__a=f"kind: tenant\nid: acme\ncomment: c\nspec: {{always_pass: [{names}]}}\n")
    assert told.startswith("acme/a.yml:1: 7")
    assert told.endswith("bytes, the limit is 65536. Split the rule into several")


def test_one_file_can_be_read_alone_where_its_documents_name_their_tenant(tmp_path: Path) -> None:
    folder(tmp_path, acme__a="tenant: globex\n" + STORM, acme__b=STORM)
    assert [str(key) for key in read_file(tmp_path / "acme" / "a.yml").rules] == ["globex/storm_policy/calm"]
    assert [one.path for one in read_file(tmp_path / "acme" / "b.yml").problems] == ["tenant"]


# -- tests of rules


def test_tests_are_kept_beside_the_rules(tmp_path: Path) -> None:
    found = folder(tmp_path, acme__a=TEST)
    assert found.problems == []
    assert found.rules == {}
    assert found.tenants == ["acme"]
    ((test, place),) = found.tests.values()
    assert (test.tenant_id, test.id, test.starts_at, place.line) == ("acme", "storms-are-told", STARTS_AT, 1)
    send, expect = test.steps
    assert isinstance(send, Send)
    assert (send.at, json.loads(send.value)) == (
        STARTS_AT,
        {"tenant_id": "acme", "name": "HighCPU", "labels": {"host": "a"}},
    )
    assert expect == Expect(STARTS_AT + 60_000, "active", "HighCPU", None, None, None, ())


def test_times_of_a_test_count_from_its_own_start(tmp_path: Path) -> None:
    spec = "spec:\n  at: 2026-11-26T10:00:00Z\n  steps:\n    - {at: 2026-11-26T10:00:30Z, alert: {name: A}}\n"
    text = f"kind: test\nid: t\n{spec}    - {{at: +1m, expect: {{verdict: suppressed, change: opened}}}}\n"
    ((test, _),) = folder(tmp_path, acme__a=text).tests.values()
    assert [step.at - test.starts_at for step in test.steps] == [30_000, 60_000]


STEP_ERRORS: list[tuple[str, str]] = [
    ("{at: +0s, alert: {name: A}}", "spec.steps expect nothing. Add a step with expect: {verdict: suppressed}"),
    ("{at: +0s}", "spec.steps[0] is neither one alert nor one expectation. Write either alert: or expect:"),
    ("{at: soon, alert: {name: A}}", "spec.steps[0].at 'soon' is no time. Write how long after the start"),
    ("{at: +0s, alert: {severity: bad, name: A}}", "spec.steps[0].alert.severity 'bad' is no severity"),
    ("{at: +0s, alert: {tenant_id: x, name: A}}", "spec.steps[0].alert.tenant_id is said by the test. Remove it"),
    ("{at: +0s, alert: {labels: {a: 1}, name: A}}", "spec.steps[0].alert is no alert: wrong_type: labels: Expected"),
    ("{at: +0s, alert: {}}", "spec.steps[0].alert is no alert: missing_name"),
    ("{at: +0s, expect: {}}", "spec.steps[0].expect.verdict is missing. Add active or suppressed"),
    ("{at: +0s, expect: {verdict: active, change: open}}", "spec.steps[0].expect.change invalid enum value 'open'"),
    (
        "{at: +5s, expect: {verdict: active}}\n    - {at: +4s, expect: {verdict: active}}",
        "spec.steps[1].at +4s is before the step above. Put steps in order of time",
    ),
]


@pytest.mark.parametrize(("step", "told"), STEP_ERRORS, ids=[row[1][:50] for row in STEP_ERRORS])
def test_a_test_that_means_nothing_is_told_with_its_line(tmp_path: Path, step: str, told: str) -> None:
    (found,) = problems(tmp_path, acme__a=f"kind: test\nid: t\nspec:\n  steps:\n    - {step}\n")
    assert told in found
    assert found.startswith(("acme/a.yml:5: ", "acme/a.yml:6: ", "acme/a.yml:4: "))


def test_the_tests_run_where_nothing_else_is_wrong(tmp_path: Path) -> None:
    failure = ControlProblem(Place("acme/a.yml", 6), "t", "failed", "Look")
    assert folder(tmp_path, acme__a=TEST).problems == []
    assert read_folder(tmp_path, run_tests=lambda _: [failure]).problems == [failure]
    assert failure not in read_folder(tmp_path / "missing", run_tests=lambda _: [failure]).problems
