"""Scores of changes as the ingest step tells them: with reasons, the same after a restart, and none of repeats."""

from __future__ import annotations

from typing import Any

from agents.scoring import Learned, Scoring
from agents.suppress.defaults import Defaults
from models.features import StreamInput
from models.noise import NoiseInput
from pipeline.domain.severity import Severity
from tables import keys
from tables.store import DictStore
from tests.merged_rows import merged
from tests.step_driver import MINUTE, SECOND, T0, Driver, Record, body, control, firing, resolved

SCORED = Defaults(scores=True)


def opened(count: int, *, name: str = "HighCPU") -> list[Record]:
    """Return as many alerts, each on a host of its own, one a second."""
    return [firing(n, T0 + n * SECOND, name=name, labels={"instance": f"host-{n}"}) for n in range(count)]


def said(driver: Driver) -> list[dict[str, Any]]:
    found = [body(left.output) for left in driver.left if left.topic == "alerts.enriched"]
    driver.left.clear()
    return [one for one in found if one["source"] != "core-alerts"]


def test_a_change_that_is_unlike_those_before_scores_higher_and_says_by_what() -> None:
    driver = Driver(defaults=SCORED)
    driver.take(opened(600))
    usual = said(driver)[-1]
    driver.take([firing(600, T0 + 5 * 60 * MINUTE, name="Never", severity="critical", labels={"instance": "new"})])
    strange = next(one for one in said(driver) if one["name"] == "Never")
    assert 0 <= usual["scores"]["anomaly"] < 0.9 < strange["scores"]["anomaly"] <= 1
    reasons = strange["score_reasons"]["anomaly"]
    assert {"feature", "value", "usual", "distance"} == set(reasons[0])
    assert "name_gap" in [one["feature"] for one in reasons]


def test_a_repeat_and_an_end_have_no_scores() -> None:
    driver = Driver(defaults=SCORED)
    driver.take([firing(0, T0), firing(1, T0 + SECOND)])
    driver.pass_time(T0 + 10 * MINUTE)
    assert [(one["change"], bool(one["scores"])) for one in said(driver)] == [
        ("opened", True),
        ("repeated", False),
        ("expired", False),
    ]


def test_noise_is_told_only_of_names_about_which_somebody_said_something() -> None:
    driver = Driver(defaults=SCORED)
    for number in range(60):
        asked = NoiseInput(T0 + number, "HighCPU", "", "host-1", Severity.WARNING)
        driver.step.learn("acme", asked, wanted=number % 2 == 0)
    driver.take([firing(0, T0 + MINUTE, labels={"instance": "host-1"}), firing(1, T0 + MINUTE, name="Other")])
    known, unknown = said(driver)
    assert 0.5 < known["scores"]["noise"] < 0.75  # half of them were wanted, fewer are by the prior
    assert "noise" not in unknown["scores"]


def test_what_a_person_says_is_learned_at_once_and_forgotten_when_the_record_is_deleted() -> None:
    driver = Driver(defaults=SCORED)
    driver.take([firing(0, T0, labels={"instance": "h"})])
    driver.take_control(control(0, "feedback", "f-1", {"says": "noise", "name": "HighCPU", "instance": "h"}))
    driver.take([firing(1, T0 + 1, labels={"instance": "h"}, severity="error")])
    driver.take_control(control(1, "feedback", "f-1", None, version=2))
    driver.take([firing(2, T0 + 2, labels={"instance": "h"}, severity="critical")])
    before, told, after = ["noise" in one["scores"] for one in said(driver)]
    assert (before, told, after) == (False, True, False)


def test_another_version_of_an_opinion_takes_the_place_of_the_one_before() -> None:
    driver = Driver(defaults=SCORED)
    driver.take([firing(0, T0, labels={"instance": "h"})])
    driver.take_control(
        *[control(n, "feedback", f"f-{n}", {"says": "noise", "name": "HighCPU", "instance": "h"}) for n in range(40)]
    )
    driver.take([firing(1, T0 + 1, labels={"instance": "h"}, severity="error")])
    driver.take_control(
        *[
            control(40 + n, "feedback", f"f-{n}", {"says": "wanted", "name": "HighCPU", "instance": "h"}, version=2)
            for n in range(40)
        ]
    )
    driver.take([firing(2, T0 + 2, labels={"instance": "h"}, severity="critical")])
    _, noise, wanted = [one["scores"].get("noise") for one in said(driver)]
    assert wanted < 0.25 < 0.99 < noise


def test_scores_go_on_after_a_restart_as_if_there_had_been_none() -> None:
    driver = Driver(defaults=SCORED)
    driver.take(opened(300))
    driver.checkpoint()
    driver.take(opened(320)[300:])
    driver.checkpoint()
    again = Driver(defaults=SCORED, rows=dict(driver.rows))
    for one in (driver, again):
        one.left.clear()
        one.take([Record(r.offset, r.timestamp, r.value) for r in opened(700)[320:]])
    assert again.left == driver.left


def test_without_the_setting_nothing_is_scored_and_nothing_kept_of_it() -> None:
    driver = Driver()
    driver.take(opened(5))
    driver.checkpoint()
    assert {tuple(one["scores"]) for one in said(driver)} == {()}
    assert not [key for key in driver.rows if key[:1] in (keys.KNOWN, keys.JOURNAL)]


def test_models_beyond_the_bound_wait_in_the_store_and_come_back_as_they_were() -> None:
    store = DictStore()
    few, many = Scoring(store, tenants=1), Scoring(DictStore(), tenants=100)
    for number in range(40):
        for tenant in ("acme", "globex"):
            alert = NoiseInput(T0 + number, "HighCPU", "", f"host-{number}", Severity.WARNING)
            few.learn(tenant, alert, wanted=number % 3 == 0)
            many.learn(tenant, alert, wanted=number % 3 == 0)
            rows: dict[bytes, bytes | None] = {}
            few.snapshot(rows, T0 + number)
            store.write(rows)
            few.shrink()
    assert len(few._models) == 1
    for tenant in ("acme", "globex"):
        assert few._models.of(tenant).state() == many._models.of(tenant).state()


def test_one_tenants_stream_changes_no_score_of_another_s() -> None:
    together, alone = Driver(defaults=SCORED), Driver(defaults=SCORED)
    for number in range(400):
        mine = firing(2 * number, T0 + number * SECOND, labels={"instance": f"h{number}"})
        theirs = firing(2 * number + 1, T0 + number * SECOND, tenant_id="globex", labels={"instance": f"h{number}"})
        together.take([mine, theirs])
        alone.take([mine])
    mine_only = [one for one in said(together) if one["tenant_id"] == "acme"]
    assert [one["scores"] for one in mine_only] == [one["scores"] for one in said(alone)]


def lives(count: int, *, lasts: int = 4 * MINUTE, every: int = 60 * MINUTE, first: int = 0) -> list[Record]:
    """Return records by which one alert opens every hour and is resolved four minutes later."""
    labels = {"host": "h"}
    return [
        record
        for n in range(first, first + count)
        for record in (
            firing(2 * n, T0 + n * every, labels=labels),
            resolved(2 * n + 1, T0 + n * every + lasts, labels=labels),
        )
    ]


def begins(driver: Driver) -> list[dict[str, Any]]:
    return [one for one in said(driver) if one["change"] in ("opened", "reopened")]


def test_how_long_an_alert_will_last_is_told_once_five_have_ended() -> None:
    driver = Driver(defaults=SCORED)
    driver.take(lives(7))
    expected = {"resolved_in_s": {"p50": 240.0, "p90": 240.0}}
    assert [one.get("expected") for one in begins(driver)] == [None] * 5 + [expected] * 2


def test_an_expired_alert_counts_as_ended_when_that_is_told() -> None:
    driver = Driver(defaults=SCORED)
    driver.take([firing(n, T0 + n * 60 * MINUTE, labels={"host": "h"}) for n in range(7)])
    (*_, last) = begins(driver)
    assert last["expected"]["resolved_in_s"]["p50"] == 300.0


def test_whether_an_alert_will_flap_is_told_once_enough_of_its_name_is_known() -> None:
    driver = Driver(defaults=SCORED)
    driver.take(lives(20))
    told = [one["scores"].get("flapping") for one in begins(driver)]
    assert told[:12] == [None] * 12  # the openings that are known to weigh ten are those before the last one
    assert all(score is not None and score < 0.05 for score in told[13:])


def test_an_alert_that_flaps_is_told_from_one_that_does_not() -> None:
    driver = Driver(defaults=SCORED)
    stream: list[Record] = []
    for hour in range(40):
        at = T0 + hour * 120 * MINUTE
        stream.append(firing(len(stream), at, labels={"host": "steady"}))
        for change in range(3):
            stream.append(firing(len(stream), at + change * 3 * MINUTE, labels={"host": "flaps"}))
            stream.append(resolved(len(stream), at + change * 3 * MINUTE + MINUTE, labels={"host": "flaps"}))
    driver.take(stream)
    last = {one["labels"]["host"]: one["scores"].get("flapping") for one in begins(driver) if one["change"] == "opened"}
    assert last["flaps"] > 0.8
    assert last["steady"] < 0.2


def test_an_end_and_a_repeat_have_neither_scores_nor_expectations() -> None:
    driver = Driver(defaults=SCORED)
    driver.take(lives(20))
    ends = [one for one in said(driver) if one["change"] == "resolved"]
    assert len(ends) == 20
    assert not any(one["scores"] or "expected" in one for one in ends)


def test_repeats_write_nothing_to_the_journal() -> None:
    driver = Driver(defaults=SCORED)
    driver.take([firing(0, T0)])
    driver.checkpoint()
    driver.take([firing(n, T0 + n) for n in range(1, 100)])
    assert not [key for key in driver.checkpoint() if key[:1] in (keys.KNOWN, keys.JOURNAL)]


def test_what_becomes_of_alerts_is_learned_the_same_over_restarts() -> None:
    straight, restarted = Driver(defaults=SCORED), Driver(defaults=SCORED)
    for record in lives(30, lasts=MINUTE, every=3 * MINUTE):
        straight.take([record])
        restarted.take([record])
        restarted.checkpoint()
        restarted.restart()
    straight.checkpoint()
    assert restarted.left == straight.left
    assert merged(restarted.rows) == merged(straight.rows)


def test_how_many_tenants_models_have_fallen_back_is_known_also_after_a_restart() -> None:
    store = DictStore()
    scoring = Scoring(store)
    for tenant in ("acme", "globex"):
        for number in range(2 * 300):  # what was never wanted is wanted all at once
            scoring.learn(tenant, NoiseInput(T0, "HighCPU"), wanted=number >= 500)
    scoring.learn("initech", NoiseInput(T0, "HighCPU"), wanted=False)
    assert scoring.fallen_back() == {"noise": 2, "flapping": 0, "resolve": 0}
    rows: dict[bytes, bytes | None] = {}
    scoring.snapshot(rows, T0)
    store.write(rows)
    again = Scoring(store)
    again.load()
    assert again.fallen_back() == {"noise": 2, "flapping": 0, "resolve": 0}


def test_a_model_counts_as_fallen_back_also_while_it_waits_in_the_store() -> None:
    store = DictStore()
    scoring = Scoring(store, tenants=1)
    for number in range(2 * 300):  # what was never wanted is wanted all at once
        scoring.learn("acme", NoiseInput(T0, "HighCPU"), wanted=number >= 500)
    scoring.learn("globex", NoiseInput(T0, "HighCPU"), wanted=False)
    rows: dict[bytes, bytes | None] = {}
    scoring.snapshot(rows, T0)
    store.write(rows)
    scoring.shrink()
    assert [*scoring._models._models] == ["globex"]
    assert scoring.fallen_back()["noise"] == 1


def test_a_model_that_is_right_again_no_longer_counts_as_fallen_back() -> None:
    scoring = Scoring(DictStore())
    for number in range(3000):
        wanted = number >= 500 and (number < 600 or number % 2 == 0)
        scoring.learn("acme", NoiseInput(T0, "HighCPU", instance=f"host-{number % 2}"), wanted=wanted)
    models = scoring._models.of("acme")
    assert models.noise.falls == 1
    assert scoring.fallen_back()["noise"] == 0


def test_what_was_learned_and_taken_back_leaves_nothing() -> None:
    scoring = Scoring(DictStore())
    alert = NoiseInput(T0, "HighCPU", "", "host-1", Severity.WARNING)
    scoring.learn("acme", alert, wanted=True)
    scoring.learn("acme", alert, wanted=True, taken_back=True)
    assert scoring._models.of("acme").noise.model.labels(alert) == 0


def test_an_entry_of_the_journal_says_which_model_learned_what() -> None:
    learned = Learned(StreamInput(T0, "HighCPU", "host-1"))
    assert (learned.alert, learned.taken_back) == (None, False)
