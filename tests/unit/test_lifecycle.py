"""The life of one alert on a time-line in seconds: what happens, and what is told of it."""

from __future__ import annotations

import pytest

from pipeline.domain import lifecycle
from pipeline.domain.alert import Alert, Observation, Periods
from pipeline.domain.change import Change
from pipeline.domain.reasons import Told, Unchanged
from pipeline.domain.severity import Severity

PERIODS = Periods(digest=60_000, resolve=300_000, reopen=1_800_000)

OPENED, REOPENED, RAISED, LOWERED = Change.OPENED, Change.REOPENED, Change.SEVERITY_RAISED, Change.SEVERITY_LOWERED
RESOLVED, EXPIRED, REPEATED = Change.RESOLVED, Change.EXPIRED, Change.REPEATED
REPEAT = NOTHING = None
ALREADY, OLDER, UNKNOWN = Unchanged.ALREADY_RESOLVED, Unchanged.OLDER_THAN_KNOWN, Unchanged.UNKNOWN_ALERT

Happening = Observation | int  # a record, or the time at which nothing was heard
Outcome = Change | Unchanged | None


def ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def fire(
    at: float,
    severity: Severity = Severity.WARNING,
    *,
    starts_at: float | None = None,
    ends_at: float | None = None,
    value: float | None = None,
) -> Observation:
    return Observation(True, severity, round(at * 1000), ms(starts_at), ms(ends_at), value)


def resolve(at: float, *, ends_at: float | None = None, value: float | None = None) -> Observation:
    return Observation(False, Severity.WARNING, round(at * 1000), None, ms(ends_at), value)


def quiet(at: float) -> int:
    return round(at * 1000)


def live(*happenings: Happening) -> tuple[Alert | None, list[Outcome]]:
    """Return the alert after all that happened, and what each of it was."""
    alert: Alert | None = None
    outcomes: list[Outcome] = []
    for happening in happenings:
        if isinstance(happening, int):
            outcomes.append(None if alert is None else lifecycle.pass_time(alert, happening, PERIODS))
        elif alert is not None:
            outcomes.append(lifecycle.observe(alert, happening, PERIODS))
        elif happening.firing:
            alert = lifecycle.opened("acme", "f0", "HighCPU", happening)
            outcomes.append(OPENED)
        else:
            outcomes.append(UNKNOWN)
    return alert, outcomes


CASES: dict[str, list[tuple[Happening, Outcome]]] = {
    "the same again is a repeat": [(fire(0), OPENED), (fire(1), REPEAT), (fire(1), REPEAT)],
    "a higher severity is told at once": [(fire(0), OPENED), (fire(1, Severity.CRITICAL), RAISED)],
    "a lower severity is told at once": [(fire(0), OPENED), (fire(1, Severity.NONE), LOWERED)],
    "a severity that comes back is told each time": [
        (fire(0), OPENED),
        (fire(1, Severity.ERROR), RAISED),
        (fire(2), LOWERED),
        (fire(3, Severity.ERROR), RAISED),
        (fire(4, Severity.ERROR), REPEAT),
    ],
    "a record of the same millisecond is not late": [(fire(5), OPENED), (fire(5, Severity.ERROR), RAISED)],
    "a late record counts, but its severity is old news": [
        (fire(5), OPENED),
        (fire(4.999, Severity.CRITICAL), REPEAT),
        (fire(6), REPEAT),
    ],
    "a resolved record ends an alert": [(fire(0), OPENED), (resolve(1), RESOLVED)],
    "a resolved record of the same millisecond ends an alert": [(fire(1), OPENED), (resolve(1), RESOLVED)],
    "a second resolved record changes nothing": [(fire(0), OPENED), (resolve(1), RESOLVED), (resolve(2), ALREADY)],
    "a resolved record for an unknown alert changes nothing": [(resolve(0), UNKNOWN), (fire(1), OPENED)],
    "a resolved record older than the last firing one changes nothing": [
        (fire(0), OPENED),
        (fire(10), REPEAT),
        (resolve(9.999), OLDER),
        (resolve(10), RESOLVED),
    ],
    "a resolved record that ends before the alert began is about an earlier life": [
        (fire(100, starts_at=90), OPENED),
        (resolve(101, ends_at=89.999), OLDER),
        (resolve(101, ends_at=90), RESOLVED),
    ],
    "firing exactly at the end of the reopen window is the same trouble": [
        (fire(0), OPENED),
        (resolve(100), RESOLVED),
        (fire(1900), REOPENED),
    ],
    "firing a millisecond after the reopen window is new trouble": [
        (fire(0), OPENED),
        (resolve(100), RESOLVED),
        (fire(1900.001), OPENED),
    ],
    "the reopen window begins at the end that the sender gave": [
        (fire(0, starts_at=0), OPENED),
        (resolve(100, ends_at=50), RESOLVED),
        (fire(1850.001), OPENED),
    ],
    "an end in the future does not keep the reopen window open": [
        (fire(0), OPENED),
        (resolve(100, ends_at=10_000), RESOLVED),
        (fire(1900.001), OPENED),
    ],
    "the reopen window after an expiry begins when it was due, not when somebody looked": [
        (fire(0), OPENED),
        (quiet(2000), EXPIRED),
        (fire(2100), REOPENED),
        (quiet(5000), EXPIRED),
        (fire(2400 + 1800.001), OPENED),
    ],
    "firing from before the end does not reopen an alert": [
        (fire(0), OPENED),
        (resolve(10), RESOLVED),
        (fire(9.999), OLDER),
    ],
    "firing at the millisecond of the end reopens an alert": [
        (fire(0), OPENED),
        (resolve(10), RESOLVED),
        (fire(10), REOPENED),
    ],
    "a reopened alert is an open alert": [
        (fire(0), OPENED),
        (resolve(10), RESOLVED),
        (fire(20), REOPENED),
        (fire(21), REPEAT),
        (resolve(22), RESOLVED),
    ],
    "an alert that nobody repeats expires exactly at the resolve timeout": [
        (fire(0), OPENED),
        (quiet(299.999), NOTHING),
        (quiet(300), EXPIRED),
        (quiet(301), NOTHING),
    ],
    "a repeat puts the expiry off": [
        (fire(0), OPENED),
        (fire(250), REPEAT),
        (quiet(300), REPEATED),
        (quiet(549.999), NOTHING),
        (quiet(550), EXPIRED),
    ],
    "a late record does not put the expiry off": [
        (fire(100), OPENED),
        (fire(99), REPEAT),
        (quiet(400), EXPIRED),
    ],
    "an alert with an end expires at it": [
        (fire(0, ends_at=1000), OPENED),
        (quiet(999.999), NOTHING),
        (quiet(1000), EXPIRED),
    ],
    "an end that is over already expires the alert at the next look": [
        (fire(100, ends_at=50), OPENED),
        (quiet(100), EXPIRED),
    ],
    "a repeat without an end takes the end away": [
        (fire(0, ends_at=1000), OPENED),
        (fire(10), REPEAT),
        (quiet(310), EXPIRED),
    ],
    "a repeat with a later end moves the end": [
        (fire(0, ends_at=100), OPENED),
        (fire(10, ends_at=200), REPEAT),
        (quiet(199.999), REPEATED),
        (quiet(200), EXPIRED),
    ],
    "a late record does not move the end": [
        (fire(10, ends_at=100), OPENED),
        (fire(9, ends_at=5000), REPEAT),
        (quiet(100), EXPIRED),
    ],
    "repeats are told exactly at the digest interval, once": [
        (fire(0), OPENED),
        (fire(1), REPEAT),
        (fire(2), REPEAT),
        (quiet(59.999), NOTHING),
        (quiet(60), REPEATED),
        (quiet(200), NOTHING),
    ],
    "without a repeat there is no digest": [(fire(0), OPENED), (quiet(60), NOTHING), (quiet(120), NOTHING)],
    "the digest interval begins anew with every digest": [
        (fire(0), OPENED),
        (fire(1), REPEAT),
        (quiet(60), REPEATED),
        (fire(61), REPEAT),
        (quiet(119.999), NOTHING),
        (quiet(120), REPEATED),
    ],
    "a repeat after a long silence is told at once, and the next one an interval later": [
        (fire(0, ends_at=9000), OPENED),
        (fire(200, ends_at=9000), REPEAT),
        (quiet(199), NOTHING),
        (quiet(201), REPEATED),
        (fire(202, ends_at=9000), REPEAT),
        (quiet(260.999), NOTHING),
        (quiet(261), REPEATED),
    ],
    "a change tells of the repeats before it, so the digest waits for the next one": [
        (fire(0), OPENED),
        (fire(1), REPEAT),
        (fire(50, Severity.ERROR), RAISED),
        (quiet(60), NOTHING),
        (fire(70, Severity.ERROR), REPEAT),
        (quiet(109.999), NOTHING),
        (quiet(110), REPEATED),
    ],
    "at the same time an expiry comes before a digest, which it makes needless": [
        (fire(0, ends_at=60), OPENED),
        (fire(1, ends_at=60), REPEAT),
        (quiet(60), EXPIRED),
        (quiet(61), NOTHING),
    ],
    "time means nothing to an alert that has ended": [
        (fire(0), OPENED),
        (resolve(1), RESOLVED),
        (quiet(100_000), NOTHING),
    ],
}


@pytest.mark.parametrize("sentence", CASES)
def test_that(sentence: str) -> None:
    happenings, expected = zip(*CASES[sentence], strict=True)
    assert live(*happenings)[1] == list(expected)


def alert_after(*happenings: Happening) -> Alert:
    alert, _ = live(*happenings)
    assert alert is not None
    return alert


def test_a_first_firing_record_is_all_that_is_known() -> None:
    alert = alert_after(fire(7, Severity.ERROR, ends_at=90, value=0.5))
    assert (alert.tenant, alert.fingerprint, alert.name) == ("acme", "f0", "HighCPU")
    assert (alert.severity, alert.open, alert.count, alert.untold) == (Severity.ERROR, True, 1, 0)
    assert (alert.starts_at, alert.last_seen, alert.ends_at, alert.value) == (7000, 7000, 90_000, 0.5)


def test_an_alert_starts_when_its_sender_says() -> None:
    assert alert_after(fire(7, starts_at=3)).starts_at == 3000


def test_the_count_is_of_firing_records_since_the_alert_opened() -> None:
    one = [fire(0), fire(1), fire(0.5), fire(2, Severity.ERROR), resolve(3), resolve(4)]
    assert alert_after(*one).count == 4
    assert alert_after(*one, fire(10), fire(11)).count == 2


def test_repeats_bring_the_newest_value_and_none_keeps_it() -> None:
    alert = alert_after(fire(0, value=1), fire(1, value=2), fire(2), fire(1.5, value=9))
    assert (alert.value, alert.last_seen, alert.untold) == (2, 2000, 3)


def test_a_resolved_record_brings_its_value_and_its_end() -> None:
    alert = alert_after(fire(0, value=1), resolve(10, ends_at=8, value=0))
    assert (alert.open, alert.value, alert.ends_at, alert.last_seen, alert.last_event) == (False, 0, 8000, 0, 10_000)
    assert alert_after(fire(0, value=1), resolve(10)).ends_at == 10_000
    assert alert_after(fire(0, value=1), resolve(10, ends_at=11)).ends_at == 10_000


def test_an_expired_alert_ended_when_it_was_due() -> None:
    assert alert_after(fire(0), quiet(1000)).ends_at == 300_000
    assert alert_after(fire(0, ends_at=400), quiet(1000)).ends_at == 400_000


def test_a_reopened_alert_begins_anew() -> None:
    alert = alert_after(fire(0, value=1, ends_at=50), fire(1), resolve(10), fire(20, Severity.CRITICAL, starts_at=19))
    assert (alert.open, alert.count, alert.severity) == (True, 1, Severity.CRITICAL)
    assert (alert.starts_at, alert.last_seen, alert.ends_at, alert.value) == (19_000, 20_000, None, None)


def test_what_is_known_does_not_change_with_a_record_that_changes_nothing() -> None:
    before = alert_after(fire(0), fire(10))
    after = alert_after(fire(0), fire(10), resolve(9, ends_at=9, value=7))
    assert before == after


@pytest.mark.parametrize(
    ("happenings", "due"),
    [
        ([fire(0)], 300),
        ([fire(0), fire(1)], 60),  # its repeat
        ([fire(0, ends_at=30), fire(1, ends_at=30)], 30),
        ([fire(0, ends_at=900), fire(200, ends_at=900)], 200),  # after a long silence: at once
        ([fire(0), fire(1), quiet(60)], 301),
        ([fire(0), resolve(10)], 1810.001),  # forgotten: firing then is new
        ([fire(0), resolve(10, ends_at=5)], 1805.001),
        ([fire(0), quiet(300)], 2100.001),
    ],
)
def test_time_means_something_next_at(happenings: list[Happening], due: float) -> None:
    assert lifecycle.due_at(alert_after(*happenings), PERIODS) == ms(due)


def test_nothing_is_due_before_it_is_due_and_something_is_then() -> None:
    for happenings in ([fire(0)], [fire(0), fire(1)], [fire(0, ends_at=30)]):
        early, on_time = alert_after(*happenings), alert_after(*happenings)
        due = lifecycle.due_at(early, PERIODS)
        assert lifecycle.pass_time(early, due - 1, PERIODS) is None
        assert lifecycle.pass_time(on_time, due, PERIODS) is not None


@pytest.mark.parametrize(
    ("happenings", "reason"),
    [
        ([fire(0)], Told.FIRST_SEEN),
        ([fire(0), resolve(1), fire(2)], Told.FIRED_AGAIN),
        ([fire(0), resolve(1), fire(9000)], Told.FIRST_SEEN),
        ([fire(0), fire(1, Severity.ERROR)], Told.SEVERITY_CHANGED),
        ([fire(0), fire(1, Severity.INFO)], Told.SEVERITY_CHANGED),
        ([fire(0), fire(1), quiet(60)], Told.DIGEST_DUE),
        ([fire(0), resolve(1)], Told.RESOLVED_BY_SENDER),
        ([fire(0, ends_at=9), quiet(9)], Told.ENDS_AT_PASSED),
        ([fire(0), quiet(300)], Told.NOT_SEEN_AGAIN),
    ],
)
def test_every_change_has_its_reason(happenings: list[Happening], reason: Told) -> None:
    alert, outcomes = live(*happenings)
    change = outcomes[-1]
    assert alert is not None
    assert isinstance(change, Change)
    assert lifecycle.why(change, alert, PERIODS) is reason
