"""A repeat is told at once where a burst begins with it, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.alert import Periods
from tests.step_driver import MINUTE, SECOND, T0, Driver, Record, body, firing, resolved

BURSTS = Periods(bursts=True, resolve=60 * MINUTE)


def said(driver: Driver) -> list[tuple[str, int, str | None]]:
    """Return (change, count, kind of burst) of what left since the last call."""
    found: list[dict[str, Any]] = [body(left.output) for left in driver.left]
    driver.left.clear()
    return [(one["change"], one["count"], one.get("burst", {}).get("kind")) for one in found]


def repeats(*at: int) -> list[Record]:
    return [firing(offset, T0 + moment) for offset, moment in enumerate(at)]


def test_a_repeat_after_a_long_pause_is_told_at_once_with_the_length_of_the_pause() -> None:
    driver = Driver(BURSTS)
    driver.take(repeats(0, SECOND, 2 * SECOND, 22 * SECOND))
    [_, left] = driver.left
    assert body(left.output)["burst"] == {"kind": "resumed", "quiet_ms": 20_000}
    assert said(driver) == [("opened", 1, None), ("repeated", 4, "resumed")]


def test_an_alert_that_is_sent_every_minute_resumes_once_at_most() -> None:
    driver = Driver(BURSTS)
    driver.take(repeats(*[number * MINUTE for number in range(30)]))
    assert [kind for _, _, kind in said(driver) if kind] == ["resumed"]


def test_a_surge_within_a_usual_pause_is_told_with_its_fourth_record() -> None:
    driver = Driver(BURSTS)
    usual = [number * 10 * SECOND for number in range(10)]
    driver.take(repeats(*usual, *[usual[-1] + 10 * SECOND + number for number in range(6)]))
    assert ("repeated", 14, "surged") in said(driver)


def test_without_the_setting_repeats_are_told_in_digests_alone() -> None:
    driver = Driver(Periods(resolve=60 * MINUTE))
    driver.take(repeats(0, SECOND, 2 * SECOND, 22 * SECOND))
    assert said(driver) == [("opened", 1, None)]


@pytest.mark.parametrize("done", range(1, 7))
def test_a_burst_goes_on_after_a_restart_as_if_there_had_been_none(done: int) -> None:
    stream = repeats(0, 10 * SECOND, 20 * SECOND, 30 * SECOND, 30_100, 30_200, 30_300, 90 * SECOND)
    driver = Driver(BURSTS)
    driver.take(stream[:done])
    driver.checkpoint()
    again = Driver(BURSTS, rows=dict(driver.rows))
    for one in (driver, again):
        one.left.clear()
        one.take(stream[done:])
    assert again.left == driver.left


def test_an_alert_that_comes_back_begins_its_bursts_anew() -> None:
    driver = Driver(BURSTS)
    driver.take(
        [*repeats(0, SECOND), resolved(2, T0 + 2 * SECOND), firing(3, T0 + 3 * SECOND), firing(4, T0 + 4 * SECOND)]
    )
    assert [change for change, _, _ in said(driver)] == ["opened", "resolved", "reopened"]
