"""What time alone does: which timers ring, what they mean, and when somebody looks at an alert again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ringing import Ringing
from agents.suppress.defaults import Defaults
from agents.suppress.suppression import Suppression
from agents.telling import Telling
from pipeline.domain.alert import Alert, Body, Periods
from pipeline.domain.change import Change
from pipeline.domain.severity import Severity
from pipeline.domain.timers import TimerWheel
from tables import keys
from tables.alerts import AlertTable
from tables.deliveries import DeliveryTable
from tables.progress import Progress
from tables.store import DictStore
from tests.step_driver import HOUR, MINUTE, SECOND, T0, Deaf, body

if TYPE_CHECKING:
    from agents.suppress.cause import Cause

PERIODS = Periods()
BODY = Body(b'{"host":"a"}', b"{}")


class Scene:
    """The timers of a partition without records, whose changes are noted and not told."""

    def __init__(self) -> None:
        store, self.timers = DictStore(), TimerWheel()
        self.progress = Progress("alerts.raw", 0, 1, stream_ms=T0)
        self.ruled: list[tuple[str, Change, int, int]] = []  # fingerprint, change, at, stream_ms
        self.causes: list[Cause] = []
        self.counted: list[str] = []
        suppression = Suppression(
            store,
            self.timers,
            Deaf(),
            Defaults.switched_off(),
            lambda: self.ringing.stream_ms,
            partition=0,
            partitions=1,
        )
        self.alerts = suppression.alerts = AlertTable(store, self.timers, PERIODS, pulse_of=suppression.pulse_of)
        self.deliveries = DeliveryTable(store, self.timers, PERIODS.delivery)
        self.telling = Telling(0, PERIODS)
        self.ringing = Ringing(
            self.timers,
            self.progress,
            PERIODS,
            alerts=self.alerts,
            deliveries=self.deliveries,
            suppression=suppression,
            rates=None,
            telling=self.telling,
            ruler=self,
        )

    def rule_and_tell(
        self,
        alert: Alert,
        change: Change,
        body: Body,
        labels: dict[str, str],
        output_id: str,
        cause: Cause,
        at: int,
        stream_ms: int,
    ) -> None:
        self.ruled.append((alert.fingerprint, change, at, stream_ms))
        self.causes.append(cause)

    def count_repeats(self, alert: Alert) -> None:
        self.counted.append(alert.fingerprint)

    def add(self, fingerprint: str = "f0", seen: int = T0, ends_at: int | None = None) -> Alert:
        """Return a new alert that fired once, at `seen`, and is told."""
        alert = Alert("acme", fingerprint, "HighCPU", Severity.ERROR, True, 1, seen, seen, seen, ends_at, None, seen, 1)
        alert.tallied = 1
        self.alerts.add(keys.alert("acme", fingerprint), alert, BODY)
        self.ringing.arm(alert)
        return alert


def test_an_alert_that_nobody_repeats_expires_at_the_second_at_which_it_is_due_and_not_before() -> None:
    scene = Scene()
    scene.add()
    scene.ringing.advance(T0 + 5 * MINUTE - 1)
    assert scene.ruled == []
    scene.ringing.advance(T0 + HOUR)
    assert scene.ruled == [("f0", Change.EXPIRED, T0 + 5 * MINUTE, T0 + 5 * MINUTE)]
    assert scene.alerts.open_count == 0
    assert scene.progress.stream_ms == scene.ringing.stream_ms == T0 + HOUR


def test_timers_ring_oldest_first_whatever_they_were_armed_in() -> None:
    scene = Scene()
    scene.add("late", ends_at=T0 + 40 * SECOND)
    scene.add("b", ends_at=T0 + 20 * SECOND)
    scene.add("a", ends_at=T0 + 20 * SECOND)
    scene.ringing.advance(T0 + MINUTE)
    assert [(fingerprint, at - T0) for fingerprint, _, at, _ in scene.ruled] == [
        ("a", 20 * SECOND),
        ("b", 20 * SECOND),
        ("late", 40 * SECOND),
    ]


def test_what_was_due_before_the_time_that_has_come_is_ruled_on_by_now_and_names_who_came_late() -> None:
    scene = Scene()
    scene.add("in-time", ends_at=T0 + 20 * SECOND)
    scene.add("late", ends_at=T0 - 20 * SECOND)
    scene.ringing.advance(T0 + MINUTE)
    assert scene.ruled == [
        ("late", Change.EXPIRED, T0 - 20 * SECOND, T0),
        ("in-time", Change.EXPIRED, T0 + 20 * SECOND, T0 + 20 * SECOND),
    ]
    assert [getattr(cause, "late", None) for cause in scene.causes] == ["late", ""]


def test_repeats_are_told_after_their_interval_and_no_ruling_is_asked_for() -> None:
    scene = Scene()
    alert = scene.add()
    alert.count += 2
    scene.ringing.rearm(alert)
    scene.ringing.advance(T0 + PERIODS.digest)
    (told,) = scene.telling.take_emitted().enriched
    assert (body(told)["change"], body(told)["count"]) == ("repeated", 3)
    assert scene.ruled == []


@pytest.mark.parametrize(("repeats", "counted"), [(0, []), (2, ["f0"])])
def test_repeats_that_no_tally_has_are_counted_when_their_alert_ends(repeats: int, counted: list[str]) -> None:
    scene = Scene()
    alert = scene.add(ends_at=T0 + SECOND)
    alert.count += repeats
    scene.ringing.advance(T0 + SECOND)
    assert scene.counted == counted


def test_a_timer_that_was_moved_on_means_nothing() -> None:
    scene = Scene()
    alert = scene.add(ends_at=T0 + 20 * SECOND)
    alert.ends_at = T0 + 10 * SECOND
    scene.ringing.rearm(alert)
    alert.ends_at = T0 + 40 * SECOND
    scene.ringing.advance(T0 + 10 * SECOND)  # too early: it is looked at and armed anew
    scene.ringing.advance(T0 + 20 * SECOND)
    assert (scene.ruled, alert.timer) == ([], T0 // 1000 + 40)
    assert len(scene.timers) == 1  # that of 20 s armed no other


def test_an_ended_alert_is_forgotten_when_firing_again_would_open_a_new_one() -> None:
    scene = Scene()
    alert = scene.add(ends_at=T0)
    scene.ringing.advance(T0 + PERIODS.reopen)
    assert scene.alerts.find(alert.key) is alert
    scene.ringing.advance(T0 + PERIODS.reopen + SECOND)
    assert scene.alerts.find(alert.key) is None


def test_an_ended_alert_whose_end_has_moved_on_is_remembered_for_longer() -> None:
    scene = Scene()
    alert = scene.add(ends_at=T0)
    scene.ringing.advance(T0)
    alert.ends_at = T0 + 10 * SECOND
    scene.ringing.advance(T0 + PERIODS.reopen + SECOND)
    assert scene.alerts.find(alert.key) is alert
    scene.ringing.advance(T0 + PERIODS.reopen + 11 * SECOND)
    assert scene.alerts.find(alert.key) is None


def test_a_delivery_is_forgotten_when_its_period_is_over() -> None:
    scene = Scene()
    scene.deliveries.is_again(keys.DELIVERY + b"\0acme\0x", T0)
    scene.ringing.advance(T0 + PERIODS.delivery)
    assert len(scene.deliveries) == 1
    scene.ringing.advance(T0 + PERIODS.delivery + SECOND)
    assert len(scene.deliveries) == 0


def test_an_end_far_away_arms_a_timer_of_a_day() -> None:
    scene = Scene()
    alert = scene.add(ends_at=T0 + 365 * 24 * HOUR)
    assert alert.timer * 1000 == T0 + 24 * HOUR


@pytest.mark.parametrize(("end", "timer"), [(30, 30), (50, 40)])
def test_a_timer_is_moved_by_a_repeat_only_where_that_makes_it_earlier(end: int, timer: int) -> None:
    scene = Scene()
    alert = scene.add(ends_at=T0 + 40 * SECOND)
    alert.ends_at = T0 + end * SECOND
    scene.ringing.rearm(alert)
    assert alert.timer == T0 // 1000 + timer


def test_time_does_not_go_back_and_a_tick_that_was_passed_is_done() -> None:
    scene = Scene()
    scene.progress.tick_ms = T0 - 1
    scene.ringing.advance(T0 - 1)
    assert (scene.progress.stream_ms, scene.progress.tick_ms) == (T0, 0)
