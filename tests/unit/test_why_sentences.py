from __future__ import annotations

import msgspec
import pytest

from pipeline.domain.reasons import Ruled, Stage, Told
from pipeline.domain.timestamps import to_text
from pipeline.ledger.rule_versions import RuleVersions
from pipeline.ledger.why_rules import KINDS
from pipeline.ledger.why_sentences import IN_PASSING, OVER, PASSES, SUPPRESSES, TOLD, over, passed_by, ruled, told
from pipeline.schemas.control_records import ControlKey, new_record
from pipeline.schemas.control_specs import SPECS
from pipeline.schemas.enriched import Decision
from tests.ledger_records import MINUTE, SIX

UNKNOWN = RuleVersions(are_known=False)
COMMENT = "planned upgrade"


def versions(
    *written: tuple[int, int, str], kind: str = "silence", rule: str = "db-upgrade", comment: str = COMMENT
) -> RuleVersions:
    """Return a topic with the versions (number, time, author) of one rule; one with a negative number deletes it."""
    known = RuleVersions(are_known=True)
    for number, at, author in written:
        spec = None if number < 0 else b"{}"
        record = new_record(ControlKey("acme", kind, rule), abs(number), author, at, comment, spec)
        known.take(f"acme/{kind}/{rule}".encode(), record.value)
    return known


def silenced(version: int = 3, author: str | msgspec.UnsetType = "ada") -> Decision:
    return Decision("silence", "suppress", "silenced", "db-upgrade", version, author)


# -- nothing is left without a sentence


def test_every_reason_why_a_change_is_told_has_a_sentence() -> None:
    assert set(TOLD) == set(Told)


def test_every_reason_of_a_stage_has_a_sentence_or_is_said_in_passing() -> None:
    assert set(SUPPRESSES) | set(PASSES) | IN_PASSING == set(Ruled)
    assert not set(SUPPRESSES) & (set(PASSES) | IN_PASSING)
    assert not set(PASSES) & IN_PASSING


def test_every_stage_has_its_kind_of_rule_and_a_word_for_its_end() -> None:
    assert set(KINDS) == set(Stage) == set(OVER)
    assert set(KINDS.values()) <= set(SPECS)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("rule", [None, "default", "r1"])
@pytest.mark.parametrize("reason", Ruled)
def test_every_reason_of_every_stage_is_a_whole_sentence_with_and_without_a_rule(
    reason: Ruled, rule: str | None, stage: Stage
) -> None:
    version = {None: None, "default": 0, "r1": 2}[rule]
    verdict = "suppress" if reason in SUPPRESSES else "pass"
    text = ruled(Decision(stage, verdict, reason, rule, version), "acme", UNKNOWN)
    if reason in IN_PASSING:
        assert text is None
    else:
        assert text is not None
        assert text.endswith(".")
        assert "None" not in text
        assert not {"{", "}"} & set(text)


@pytest.mark.parametrize("reason", Told)
def test_why_a_change_is_told_is_a_sentence(reason: Told) -> None:
    assert told(reason).endswith(".")


# -- which rule, by whom, and why


def test_what_hides_an_alert_is_named_with_its_version_its_author_and_its_comment() -> None:
    text = ruled(silenced(), "acme", versions((2, SIX, "bob"), (3, SIX, "ada")))
    assert text == "Hidden by silence db-upgrade (version 3, by ada: planned upgrade)."


def test_a_version_that_is_no_longer_there_is_said_to_be_so() -> None:
    text = ruled(silenced(), "acme", versions((4, SIX, "bob")))
    assert text == ("Hidden by silence db-upgrade (version 3, by ada; that version is no longer on the topic control).")


def test_where_nobody_could_look_the_author_is_what_the_record_says() -> None:
    assert ruled(silenced(), "acme", UNKNOWN) == "Hidden by silence db-upgrade (version 3, by ada)."
    assert ruled(silenced(author=msgspec.UNSET), "acme", UNKNOWN) == "Hidden by silence db-upgrade (version 3)."


def test_a_version_without_a_comment_has_an_author_only() -> None:
    text = ruled(silenced(), "acme", versions((3, SIX, "ada"), comment=""))
    assert text == "Hidden by silence db-upgrade (version 3, by ada)."


def test_a_long_comment_is_cut_and_its_line_breaks_are_spaces() -> None:
    text = ruled(silenced(), "acme", versions((3, SIX, "ada"), comment=" planned\n upgrade " + "x" * 300))
    assert text == f"Hidden by silence db-upgrade (version 3, by ada: planned upgrade {'x' * 184}…)."


def test_the_rule_of_another_tenant_is_not_taken_for_ours() -> None:
    text = ruled(silenced(), "globex", versions((3, SIX, "ada")))
    assert text is not None
    assert COMMENT not in text


def test_a_policy_is_named_in_the_brackets() -> None:
    known = versions((2, SIX, "bob"), kind="flap_policy", rule="web", comment="noisy web")
    text = ruled(Decision("flapping", "suppress", "flapping", "web", 2, "bob"), "acme", known)
    assert text == "Hidden while it flaps (flap policy web, version 2, by bob: noisy web)."


def test_the_policy_that_nobody_wrote_is_the_built_in_one() -> None:
    text = ruled(Decision("storm", "suppress", "storm", "default", 0, "core-alerts"), "acme", versions())
    assert text == "Hidden in a storm of alerts (built-in storm policy)."


def test_noise_is_hidden_by_the_tenants_policy_and_a_model_that_does_worse_is_said_to() -> None:
    by_model, by_rate = (
        ruled(Decision("noise", "suppress", reason, "acme", 2, "bob"), "acme", UNKNOWN)
        for reason in ("likely_noise", "noise_by_recent_rate")
    )
    by = "(tenant policy acme, version 2, by bob)"
    assert by_model == f"Hidden as noise: by what was said of alerts like it, hardly anybody will care {by}."
    assert by_rate == f"Hidden as noise by what was said of its name of late: the noise model did worse {by}."
    assert over("noise", None, SIX, "acme", UNKNOWN) == "It no longer counts as noise."


def test_a_rule_of_an_unchanged_verdict_is_named_in_full() -> None:
    text = ruled(Decision("maintenance", "suppress", "unchanged", "w1", 1, "ada"), "acme", UNKNOWN)
    assert text == "Still hidden by maintenance window w1 (version 1, by ada)."


def test_a_comment_with_braces_is_only_text() -> None:
    text = ruled(silenced(), "acme", versions((3, SIX, "ada"), comment="{rule} {0}"))
    assert text == "Hidden by silence db-upgrade (version 3, by ada: {rule} {0})."


# -- who was asked in passing


def test_stages_that_had_nothing_to_say_are_one_sentence_in_their_order() -> None:
    asked = [
        Decision("silence", "pass", "no_match"),
        Decision("maintenance", "suppress", "in_maintenance", "w1", 1),
        Decision("inhibition", "pass", "no_match"),
        Decision("storm", "pass", "new_name", "default", 0),
        Decision("throttle", "pass", "within_rate", "default", 0),
    ]
    assert passed_by(asked) == "Asked and let pass: silence, inhibition, throttle."
    assert passed_by(asked[1:2]) is None


# -- what held an alert and no longer does


def test_a_rule_that_was_deleted_names_who_did_it_and_why() -> None:
    known = versions((3, SIX, "ada"), (-4, SIX + MINUTE, "bob"), comment="done early")
    text = over("silence:db-upgrade", 3, SIX + MINUTE, "acme", known)
    assert text == "Silence db-upgrade was deleted (version 4, by bob: done early)."


def test_a_rule_that_was_changed_just_then_names_who_did_it() -> None:
    known = versions((3, SIX, "ada"), (4, SIX + MINUTE, "bob"))
    text = over("silence:db-upgrade", 3, SIX + MINUTE, "acme", known)
    assert text == "Silence db-upgrade was changed (version 4, by bob: planned upgrade)."


def test_a_change_long_before_or_after_the_end_is_not_its_cause() -> None:
    over_by_time = "Silence db-upgrade no longer holds it: it is over, or the alert is another one now."
    for at in (SIX - 2 * MINUTE, SIX + 2 * MINUTE):
        known = versions((3, SIX - 60 * MINUTE, "ada"), (4, at, "bob"))
        assert over("silence:db-upgrade", 3, SIX, "acme", known) == over_by_time
    assert over("silence:db-upgrade", 3, SIX, "acme", versions((-4, SIX + 2 * MINUTE, "bob"))) == over_by_time
    assert over("silence:db-upgrade", None, SIX, "acme", UNKNOWN) == over_by_time


def test_what_is_no_rule_ends_by_itself() -> None:
    assert over("storm", None, SIX, "acme", UNKNOWN) == "The storm no longer holds it: it is over."


# -- what a newer worker may write


def test_words_of_a_newer_release_are_told_as_they_are() -> None:
    assert told("merged") == "It was told of for the reason merged."
    newer = Decision("learned", "suppress", "seldom_acted_on", "m1", 1)
    assert ruled(newer, "acme", UNKNOWN) == "Stage learned said suppress, for the reason seldom_acted_on."
    assert over("learned:m1", 1, SIX, "acme", UNKNOWN) == "learned:m1 no longer holds it."


def test_a_record_of_the_topic_that_no_worker_takes_is_passed_over() -> None:
    known = versions((3, SIX, "ada"))
    known.take(b"acme/silence/db-upgrade", b"oops")
    known.take(b"nonsense", None)
    known.take(b"acme/silence/db-upgrade", None)  # deleted since: what the version said is known all the same
    key = ControlKey("acme", "silence", "db-upgrade")
    found = known.find(key, 3)
    assert found is not None
    assert to_text(found.updated_at) == "2026-11-23T06:00:00Z"
    assert known.find(key, 4) is None
