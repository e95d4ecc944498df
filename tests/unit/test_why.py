from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline.domain.errors import ConfigurationError
from pipeline.ledger.rule_versions import RuleVersions
from pipeline.ledger.why import names_rules, tell
from pipeline.ledger.why_search import Search, Wanted
from pipeline.ledger.why_text import choices, story_lines
from pipeline.schemas.control_records import ControlKey, new_record
from pipeline.schemas.enriched import Quantiles
from pipeline.schemas.own import SOURCE
from tests.ledger_records import FIRST_SEEN, MINUTE, OWN_ALERT, SECOND, SIX, change, entries, own_change

if TYPE_CHECKING:
    from pipeline.ledger.entries import Entry
    from pipeline.ledger.why_story import Story

NONE = RuleVersions(are_known=False)
NO_SILENCE = ("silence", "pass", "no_match")
NO_WINDOW = ("maintenance", "pass", "no_match")
SILENCED = ("silence", "suppress", "silenced", "db-upgrade", 3, "ada")
BEGAN = ("lifecycle", "pass", "suppression_began")
ENDED = ("lifecycle", "pass", "suppression_ended")
REPEATS = ("lifecycle", "pass", "digest_due")
STORM = ("storm", "suppress", "storm", "default", 0, "core-alerts")
BY_SILENCE = ["silence:db-upgrade"]


def search(wanted: str, *records: bytes | tuple[bytes, int]) -> Search:
    found = Search(Wanted.parse(wanted))
    for entry in entries(*records):
        found.take(entry)
    return found


def story(*records: bytes | tuple[bytes, int], versions: RuleVersions = NONE) -> Story:
    found = search("e05c2add6a628daa", *records)
    assert found.only is not None
    return tell(found.only.entries, found.own, versions)


def text(*records: bytes | tuple[bytes, int], versions: RuleVersions = NONE) -> str:
    return "".join(f"{line}\n" for line in story_lines(story(*records, versions=versions)))


# -- a whole story


def test_the_life_of_an_alert_is_told_line_by_line_with_its_reasons() -> None:
    key = ControlKey("acme", "silence", "db-upgrade")
    versions = RuleVersions(are_known=True)
    versions.take(str(key).encode(), new_record(key, 3, "ada", SIX, "planned upgrade", b"{}").value)
    deleted = new_record(key, 4, "bob", SIX + 20 * MINUTE, "done early", None)
    versions.take(str(key).encode(), deleted.value)
    told = text(
        (change("opened", SIX, FIRST_SEEN, NO_SILENCE, NO_WINDOW), SIX),
        (change("suppressed", SIX, BEGAN, SILENCED, NO_WINDOW, suppressed_by=BY_SILENCE, count=4), SIX + 5 * MINUTE),
        (change("unsuppressed", SIX, ENDED, NO_SILENCE, NO_WINDOW, count=9), SIX + 20 * MINUTE),
        (change("resolved", SIX + 30 * MINUTE, ("lifecycle", "pass", "resolved_by_sender")), SIX + 30 * MINUTE),
        versions=versions,
    )
    assert (
        told
        == """\
HighCPU {instance="web-1"}
tenant acme, fingerprint e05c2add6a628daa, from prometheus
warning, fired from 2026-11-23T06:00:00Z to 2026-11-23T06:30:00Z, counted 1×, last seen firing 2026-11-23T06:30:00Z
its end was shown

2026-11-23T06:00:00Z  opened, warning, 1×: shown
    It began to fire, and had not fired shortly before.
    Asked and let pass: silence, maintenance.
2026-11-23T06:05:00Z  suppressed, warning, 4×: hidden by silence:db-upgrade
    It was shown before; it is hidden from now on.
    Hidden by silence db-upgrade (version 3, by ada: planned upgrade).
    Asked and let pass: maintenance.
2026-11-23T06:20:00Z  unsuppressed, warning, 9×: shown
    It was hidden before; it is shown from now on, for it still fires.
    Silence db-upgrade was deleted (version 4, by bob: done early).
    Asked and let pass: silence, maintenance.
2026-11-23T06:30:00Z  resolved, warning, 1×: shown
    Its sender says that it is over.
"""
    )


def test_scores_are_told_with_their_reasons_where_there_are_any() -> None:
    reason = {"feature": "novelty", "value": 14.0, "usual": 0.2, "distance": 6.1}
    records = [
        change("opened", SIX, scores={"anomaly": 0.934}, score_reasons={"anomaly": [reason]}),
        change("reopened", SIX + MINUTE, ("lifecycle", "pass", "fired_again"), scores={"anomaly": 0.0}),
    ]
    assert text(*records).splitlines()[5:] == [
        "2026-11-23T06:00:00Z  opened, warning, 1×: shown",
        "    It began to fire, and had not fired shortly before.",
        "    anomaly 0.93: 14 changes that were new in the last 5 minutes, usually 0.2 (+6.1 deviations).",
        "2026-11-23T06:01:00Z  reopened, warning, 1×: shown",
        "    It fires again, soon after its end.",
    ]
    assert [one.scores for one in story(*records).happenings] == [{"anomaly": 0.934}, {"anomaly": 0.0}]


def test_an_alert_that_begins_is_told_with_how_soon_it_was_expected_to_end() -> None:
    known = change("opened", SIX, expected={"resolved_in_s": {"p50": 90.0, "p90": 7200.0}})
    unknown = change("reopened", SIX + MINUTE, ("lifecycle", "pass", "fired_again"))
    assert text(known, unknown).splitlines()[5:] == [
        "2026-11-23T06:00:00Z  opened, warning, 1×: shown",
        "    It began to fire, and had not fired shortly before.",
        "    It was expected to end within 1.5 min in half of the cases, within 2 h in nine of ten.",
        "2026-11-23T06:01:00Z  reopened, warning, 1×: shown",
        "    It fires again, soon after its end.",
    ]
    assert [one.resolved_in_s for one in story(known, unknown).happenings] == [Quantiles(90.0, 7200.0), None]


def test_an_alert_that_fires_is_told_with_what_hides_it_now() -> None:
    lines = text(change("opened", SIX, FIRST_SEEN, SILENCED, suppressed_by=BY_SILENCE)).splitlines()
    assert lines[2:4] == [
        "warning, firing since 2026-11-23T06:00:00Z, counted 1×, last seen firing 2026-11-23T06:00:00Z",
        "now hidden by silence:db-upgrade",
    ]


def test_repeats_that_say_the_same_are_one_line_and_others_are_not() -> None:
    records = [(change("repeated", SIX, REPEATS, count=n), SIX + n * MINUTE) for n in (1, 2, 3)]
    held = change("repeated", SIX, REPEATS, STORM, suppressed_by=["storm"], count=4)
    lines = text(*records, (held, SIX + 4 * MINUTE)).splitlines()
    assert [line for line in lines[5:] if not line.startswith(" ")] == [
        "2026-11-23T06:01:00Z to 2026-11-23T06:03:00Z  repeated 3 times, warning, 3×: shown",
        "2026-11-23T06:04:00Z  repeated, warning, 4×: hidden by storm",
    ]
    assert len(story(*records, (held, SIX)).happenings) == 4


def test_the_ups_and_downs_of_an_alert_that_flaps_are_one_line_with_what_they_have_in_common() -> None:
    flaps = ("flapping", "suppress", "flapping", "default", 0, "core-alerts")
    over, again = ("lifecycle", "pass", "resolved_by_sender"), ("lifecycle", "pass", "fired_again")
    records = [
        (change(kind, SIX, told, flaps, suppressed_by=["flapping"]), SIX + n * SECOND)
        for n, (kind, told) in enumerate([("resolved", over), ("reopened", again), ("resolved", over)])
    ]
    assert text(*records).splitlines()[5:] == [
        "2026-11-23T06:00:00Z to 2026-11-23T06:00:02Z  resolved 2 times, reopened, warning, 1×: hidden by flapping",
        "    Hidden while it flaps (built-in flap policy).",
    ]


def test_what_no_longer_hides_an_alert_is_told_with_its_next_repeats_while_something_else_does() -> None:
    held = change("suppressed", SIX, BEGAN, SILENCED, suppressed_by=[*BY_SILENCE, "storm"])
    repeats = [(change("repeated", SIX, REPEATS, STORM, suppressed_by=["storm"]), SIX + n) for n in (1, 2, 3)]
    told = story((held, SIX), *repeats)
    ended = "Silence db-upgrade no longer holds it: it is over, or the alert is another one now."
    assert [ended in one.sentences for one in told.happenings] == [False, True, False, False]
    assert f"    {ended}" in story_lines(told)


def test_a_time_that_is_not_known_is_marked_and_explained() -> None:
    lines = text(change("opened"), change("suppressed", SIX, BEGAN, SILENCED, suppressed_by=BY_SILENCE)).splitlines()
    assert lines[7].startswith("~2026-11-23T06:00:00Z  suppressed")
    assert lines[-1] == "~ it was then or later: the file does not say when."
    assert "~" not in text(change("opened"))


def test_a_record_that_was_delivered_twice_is_told_once() -> None:
    again = change("opened")
    assert len(story(again, again, change("resolved", SIX + MINUTE), again).happenings) == 2


def test_as_json_every_decision_has_its_rule_and_its_comment() -> None:
    key = ControlKey("acme", "silence", "db-upgrade")
    versions = RuleVersions(are_known=True)
    versions.take(str(key).encode(), new_record(key, 3, "ada", SIX, "planned\nupgrade", b"{}").value)
    told = story(change("opened", SIX, FIRST_SEEN, SILENCED, suppressed_by=BY_SILENCE), versions=versions)
    found = msgspec.json.decode(msgspec.json.encode(told.as_json()))
    assert found["suppressed_by"] == BY_SILENCE
    assert [one["stage"] for one in found["happenings"][0]["decisions"]] == ["lifecycle", "silence"]
    assert found["happenings"][0]["decisions"][1] == {
        "stage": "silence",
        "verdict": "suppress",
        "reason": "silenced",
        "rule": "db-upgrade",
        "version": 3,
        "author": "ada",
        "comment": "planned\nupgrade",
    }


def test_only_rules_that_somebody_wrote_are_worth_looking_up() -> None:
    built_in = entries(change("opened", SIX, FIRST_SEEN, STORM, suppressed_by=["storm"]))
    written = entries(change("opened", SIX, FIRST_SEEN, SILENCED, suppressed_by=BY_SILENCE))
    assert (names_rules(built_in), names_rules(written)) == (False, True)


# -- what the pipeline itself had to tell


def own_names(*records: bytes | tuple[bytes, int]) -> list[tuple[str, str]]:
    return [(one.own, one.change) for one in story(*records).happenings if one.own is not None]


def stormy(at: int) -> bytes:
    return change("opened", at, FIRST_SEEN, STORM, suppressed_by=["storm"])


def test_a_storm_that_had_to_do_with_the_alert_is_told_from_its_beginning_to_its_end_in_order() -> None:
    told = story(
        own_change("AlertStorm", "opened", SIX, since=SIX),
        stormy(SIX + SECOND),
        own_change("AlertStorm", "repeated", SIX + MINUTE, since=SIX),
        own_change("AlertStorm", "resolved", SIX + 9 * MINUTE, since=SIX),
    )
    assert [(one.own, one.change) for one in told.happenings] == [
        ("AlertStorm", "opened"),
        (None, "opened"),
        ("AlertStorm", "resolved"),
    ]
    lines = list(story_lines(told))
    assert lines[5:7] == ["2026-11-23T06:00:00Z  AlertStorm began", "    AlertStorm opened."]


def test_a_storm_before_or_after_the_alert_is_not_told() -> None:
    storm = [
        own_change("AlertStorm", kind, at, since=SIX) for kind, at in (("opened", SIX), ("resolved", SIX + MINUTE))
    ]
    assert own_names(*storm, stormy(SIX + 2 * MINUTE)) == []
    assert own_names(stormy(SIX - SECOND), *storm) == []
    assert own_names(*storm, change("opened", SIX)) == []
    assert len(own_names(*storm, stormy(SIX + MINUTE))) == 2


def test_a_storm_that_goes_on_is_told() -> None:
    assert own_names(own_change("AlertStorm", "opened", SIX, since=SIX), stormy(SIX + MINUTE)) == [
        ("AlertStorm", "opened")
    ]


def test_only_the_window_that_hid_the_alert_is_told() -> None:
    hidden = change("opened", SIX, FIRST_SEEN, ("maintenance", "suppress", "in_maintenance", "w1", 1, "ada"))
    windows = [
        own_change("MaintenanceWindow", "opened", SIX, since=SIX, labels={"window": name}, fingerprint=name)
        for name in ("w1", "w2")
    ]
    found = [one for one in story(*windows, hidden).happenings if one.own is not None]
    assert [one.sentences for one in found] == [("MaintenanceWindow opened.",)]
    assert own_names(windows[1], hidden) == []
    assert own_names(windows[0], hidden) == [("MaintenanceWindow", "opened")]


def test_a_reminder_is_told_while_its_silence_hides_the_alert() -> None:
    hidden = (change("opened", SIX, FIRST_SEEN, SILENCED, suppressed_by=BY_SILENCE), SIX)
    reminder = own_change("SilenceExpires", "opened", SIX + MINUTE, since=SIX, labels={"silence": "db-upgrade"})
    other = own_change("SilenceExpires", "opened", SIX + MINUTE, since=SIX, labels={"silence": "other"})
    over = (change("resolved", SIX + MINUTE, suppressed_by=BY_SILENCE), SIX + MINUTE)
    assert own_names(hidden, reminder) == [("SilenceExpires", "opened")]
    assert own_names(hidden, other) == own_names(reminder, hidden) == own_names(hidden, over, reminder) == []


def test_a_spent_budget_is_told_where_it_let_the_alert_pass() -> None:
    spent = own_change("SuppressionBudget", "severity_raised", SIX, since=SIX - MINUTE)
    passed = change("opened", SIX, FIRST_SEEN, ("storm", "pass", "budget_exhausted", "default", 0))
    assert own_names(spent, passed) == [("SuppressionBudget", "severity_raised")]
    assert own_names(spent, change("opened", SIX)) == []
    assert "SuppressionBudget got worse" in text(spent, passed)


def test_a_recall_alarm_is_told_of_the_alert_that_it_is_about() -> None:
    ours = {"fingerprint": "e05c2add6a628daa", "incident": "i1"}
    alarm = own_change("SuppressedAlertInIncident", "opened", SIX, since=SIX, labels=ours)
    other = own_change("SuppressedAlertInIncident", "opened", SIX, since=SIX, labels={"fingerprint": "x"})
    assert own_names(change(), alarm, other) == [("SuppressedAlertInIncident", "opened")]


def test_a_sender_who_calls_itself_the_pipeline_is_not_believed() -> None:
    false = change("opened", SIX, FIRST_SEEN, name="AlertStorm", source=SOURCE, fingerprint="false")
    assert own_names(false, stormy(SIX)) == []


def test_an_alert_of_the_pipelines_own_has_a_story_too() -> None:
    found = search("name=AlertStorm", own_change("AlertStorm", "opened", SIX, since=SIX))
    assert found.only is not None
    told = tell(found.only.entries, found.own, NONE)
    assert [one.sentences for one in told.happenings] == [
        ("The pipeline says this of itself.", "AlertStorm opened."),
    ]
    assert OWN_ALERT[2] == told.happenings[0].decisions[0].reason


# -- which alert is meant


def fingerprints(found: Search) -> tuple[list[str], str | None]:
    return list(found.alerts), None if found.only is None else found.only.newest.record.fingerprint


def test_an_alert_is_found_by_its_fingerprint_by_the_beginning_of_it_and_by_its_name() -> None:
    records = [change(fingerprint="aaaa1111"), change(fingerprint="bbbb2222", name="Other")]
    for wanted in ("aaaa1111", "aaaa1", "aaaa", "name=HighCPU"):
        assert fingerprints(search(wanted, *records)) == (["aaaa1111"], "aaaa1111")


def test_fewer_than_four_characters_are_a_whole_fingerprint_only() -> None:
    records = [change(fingerprint="aaaa1111"), change(fingerprint="aaa")]
    assert fingerprints(search("aaa", *records)) == (["aaa"], "aaa")
    assert fingerprints(search("aa", *records)) == ([], None)


def test_several_that_fit_are_kept_to_choose_from_without_their_records() -> None:
    first, second, third = (change(fingerprint=name) for name in ("aaaa1", "aaaa2", "aaaa1"))
    found = search("aaaa", first, second, third)
    assert fingerprints(found) == (["aaaa1", "aaaa2"], None)
    assert [len(one.entries) for one in found.alerts.values()] == [0, 0]
    assert fingerprints(search("name=HighCPU", first, second)) == (["aaaa1", "aaaa2"], None)


def test_a_whole_fingerprint_is_meant_even_if_it_is_the_beginning_of_another() -> None:
    long, exact = (change(fingerprint=name) for name in ("aaaa1", "aaaa"))
    for records in ((long, exact), (exact, long)):
        found = search("aaaa", *records)
        assert fingerprints(found)[1] == "aaaa"
        assert found.only is not None
        assert len(found.only.entries) == 1


def test_choices_are_shown_with_the_state_of_each() -> None:
    found = search(
        "aaaa",
        (change("opened", SIX, fingerprint="aaaa1", labels={"b": "2", "a": "1"}), SIX),
        (change("resolved", SIX, fingerprint="aaaa2", suppressed_by=["storm"]), SIX + SECOND),
    )
    assert [one.row for one in choices(found.alerts)] == [
        ("aaaa1", 'HighCPU {a="1", b="2"}', "warning, firing", "active", "2026-11-23T06:00:00Z"),
        ("aaaa2", 'HighCPU {instance="web-1"}', "warning, resolved", "suppressed", "2026-11-23T06:00:01Z"),
    ]


def test_a_long_list_of_choices_is_cut() -> None:
    found = search("name=HighCPU", *(change(fingerprint=f"{number:04d}") for number in range(30)))
    assert len(choices(found.alerts)) == 20


@pytest.mark.parametrize("nothing", ["", "name="])
def test_nothing_is_no_alert(nothing: str) -> None:
    with pytest.raises(ConfigurationError, match="FINGERPRINT is empty"):
        Wanted.parse(nothing)


def test_what_a_newer_worker_says_is_told_all_the_same() -> None:
    newer: list[Entry] = entries((change("merged", SIX, ("learned", "pass", "alike", "m1", 2, "ada")), SIX))
    (line,) = tell(newer, [], NONE).happenings
    assert line.sentences == ("Stage learned said pass, for the reason alike.",)
