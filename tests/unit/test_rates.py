"""Rates as the ingest step counts, looks at and tells them: in time, the same after a restart, one tenant by itself."""

from __future__ import annotations

from typing import Any

import pytest

from agents.rate_models import A_DAY, BUCKET, RateNews
from agents.rates import AWAKE, Phase, Rates
from agents.suppress import tellings
from agents.suppress.cause import TimerCause
from agents.suppress.defaults import Defaults
from pipeline.domain.timers import TimerWheel
from tables import keys
from tables.store import DictStore
from tests.step_driver import MINUTE, T0, Driver, Record, body, control, firing

SCORED = Defaults(scores=True)
M0 = T0 // MINUTE
PER_MINUTE = 10


class Heard:
    """A teller that keeps what it is told."""

    def __init__(self) -> None:
        self.own: list[tuple[str, str, str, int]] = []

    def tell_own(self, tenant: str, own: Any, cause: Any, at: int) -> None:
        self.own.append((tenant, own.name, own.change.value, at))


class World:
    """Rates with a clock of minutes and a store."""

    def __init__(self, tenants: int = 100) -> None:
        self.store = DictStore()
        self.tenants = tenants
        self.heard = Heard()
        self.begin()

    def begin(self) -> None:
        """Begin anew from the store."""
        self.timers = TimerWheel()
        self.rates = Rates(self.store, self.timers, self.heard, self.tenants)
        self.rates.load()

    def minute(self, minute: int, **counts: int) -> None:
        """Let everything happen until the end of a minute, which brought `counts`."""
        self.pass_to((minute + 1) * 60)
        for tenant, count in counts.items():
            self.rates.count(tenant, minute, count)

    def pass_to(self, second: int) -> None:
        for due, rung in self.timers.due(second * 1000):
            for key in rung:
                self.rates.ring(keys.tenant_of(key), due, TimerCause(0, due * 1000))

    def checkpoint(self, now: int = T0) -> dict[bytes, bytes | None]:
        rows: dict[bytes, bytes | None] = {}
        self.rates.snapshot(rows, now)
        self.store.write(rows)
        self.rates.shrink()
        return rows


def days_of(world: World, days: float, *, first: int = M0, **counts: int) -> int:
    """Let minutes with the same counts pass; return the next minute."""
    end = first + int(days * 1440)
    for minute in range(first, end):
        world.minute(minute, **counts)
    return end


# -- when tenants are looked at


def test_a_tenant_s_buckets_follow_one_another_and_are_looked_at_within_a_minute_of_their_end() -> None:
    for number in range(500):
        phase = Phase.of(f"tenant-{number}")
        bucket = phase.bucket_of(M0)
        assert phase.begin(bucket) <= M0 * 60 < phase.begin(bucket + 1)
        assert phase.begin(bucket + 1) - phase.begin(bucket) == BUCKET * 60
        assert 0 < phase.due(bucket) - phase.begin(bucket + 1) < 60


def test_ten_thousand_tenants_are_not_looked_at_at_once() -> None:
    seconds: dict[int, int] = {}
    for number in range(10_000):
        phase = Phase.of(f"tenant-{number}")
        second = phase.due(phase.bucket_of(M0))
        seconds[second] = seconds.get(second, 0) + 1
    assert max(seconds.values()) < 80  # 34 on average: 295 seconds of five minutes
    assert len(seconds) > 250


def test_a_tenant_is_looked_at_once_a_bucket_while_it_sends_and_for_an_hour_after() -> None:
    world = World()
    end = days_of(world, 0.25, acme=1)
    looked = world.rates._models.of("acme")._kept
    assert 70 <= looked.watched <= 73
    world.pass_to((end + 600) * 60)
    assert looked.watched <= 73 + AWAKE
    assert len(world.timers) == 0


def test_a_restart_does_not_make_a_silent_tenant_be_looked_at_for_longer() -> None:
    world = World()
    end = days_of(world, 0.1, acme=1)
    for minute in range(end, end + (AWAKE + 2) * BUCKET):
        world.pass_to(minute * 60)
        world.checkpoint(minute * MINUTE)
        world.begin()
    assert len(world.timers) == 0


def test_a_tenant_that_comes_back_is_looked_at_again() -> None:
    world = World()
    end = days_of(world, 0.1, acme=1)
    world.pass_to((end + 6000) * 60)
    assert len(world.timers) == 0
    days_of(world, 0.01, first=end + 6000, acme=1)
    assert len(world.timers) == 1


def test_a_minute_without_a_record_costs_no_row() -> None:
    world, phase = World(), Phase.of("acme")
    begin = phase.begin(phase.bucket_of(M0)) // 60
    world.minute(begin, acme=1)
    assert list(world.checkpoint()) == [keys.rate("acme")]
    world.minute(begin + 1)
    assert world.checkpoint() == {}


# -- what is told


def test_a_rate_that_is_unusual_is_told_and_its_end_and_both_are_counted_once() -> None:
    world = World()
    end = days_of(world, 2, acme=PER_MINUTE)
    end = days_of(world, 0.02, first=end, acme=20 * PER_MINUTE)
    days_of(world, 0.2, first=end, acme=PER_MINUTE)
    assert [(name, change) for _, name, change, _ in world.heard.own] == [
        ("AlertRateUnusual", "opened"),
        ("AlertRateUnusual", "resolved"),
    ]
    assert dict(world.rates.told) == {("acme", "AlertRateUnusual"): 1}


def test_a_tenant_that_falls_silent_is_told_of_and_looked_at_until_that_is_over() -> None:
    world = World()
    end = days_of(world, 2, acme=PER_MINUTE)
    world.pass_to((end + 2 * 1440) * 60)
    assert [(name, change) for _, name, change, _ in world.heard.own] == [
        ("AlertRateUnusual", "opened"),
        ("AlertRateUnusual", "resolved"),
    ]
    began, ended = (at for *_, at in world.heard.own)
    assert began <= (end + 2 * BUCKET) * MINUTE
    assert ended - began <= 6 * 60 * MINUTE
    assert len(world.timers) == 0


def test_one_tenant_s_alerts_change_nothing_of_another_s() -> None:
    together, alone = World(), World()
    for world in (together, alone):
        end = days_of(world, 1.2, acme=PER_MINUTE, **({"globex": 3} if world is together else {}))
        end = days_of(world, 0.02, first=end, acme=300)
        days_of(world, 0.05, first=end, acme=PER_MINUTE, **({"globex": 900} if world is together else {}))
    assert [one for one in together.heard.own if one[0] == "acme"] == alone.heard.own != []
    assert together.rates._models.of("acme").state() == alone.rates._models.of("acme").state()


@pytest.mark.parametrize(
    ("news", "name", "severity", "summary"),
    [
        (
            RateNews("unusual", 1, False, {"score": 0.7, "feature": "value", "value": 500, "usual": 50.0}),
            "AlertRateUnusual",
            "warning",
            "The rate of alerts is unusual: 500 alerts in five minutes, and 50 are usual at this hour. Score 0.7.",
        ),
        (
            RateNews(
                "unusual",
                1,
                True,
                {
                    "score": 0.4,
                    "feature": "short",
                    "value": 1_234_567,
                    "usual": 50.5,
                    "mean": 70.25,
                    "mean_usual": 50,
                    "mean_of_minutes": 50,
                },
            ),
            "AlertRateUnusual",
            "warning",
            "The rate of alerts is as usual, or has been like this for long: 1234567 alerts in five minutes, and 50.5 "
            "are usual at this hour; the mean of about 50 minutes is 70.2, and 50 is usual.",
        ),
        (
            RateNews("forecast", 1, False, {"low": 700, "high": 900, "usual": 300.0, "usual_at_most": 320}),
            "AlertVolumeForecast",
            "info",
            "More alerts than usual: in the next hour 700 to 900 alerts are expected. At this time of day 300 are "
            "usual, and three of four hours of the last week had at most 320.",
        ),
    ],
)
def test_what_is_told_says_the_figures(news: RateNews, name: str, severity: str, summary: str) -> None:
    own = tellings.rate_news(news, 9)
    assert (own.name, own.severity.label, own.labels) == (name, severity, {})
    assert own.summary == summary
    assert own.ends_at == (9 if news.over else None)


# -- what is kept


def test_after_a_restart_it_goes_on_as_if_there_had_been_none() -> None:
    straight, restarted = World(), World()
    for minute in range(M0, M0 + 3 * 1440):
        count = 300 if 1440 * 2 < minute - M0 < 1440 * 2 + 30 else PER_MINUTE
        for world in (straight, restarted):
            world.minute(minute, acme=count)
        if minute % 7 == 0:
            restarted.checkpoint(minute * MINUTE)
            restarted.begin()
    assert restarted.heard.own == straight.heard.own != []
    assert restarted.rates._models.of("acme").state() == straight.rates._models.of("acme").state()


def test_models_beyond_the_bound_wait_in_the_store_and_come_back_as_they_were() -> None:
    few, many = World(tenants=1), World()
    for minute in range(M0, M0 + 600):
        for world in (few, many):
            world.minute(minute, acme=minute % 7, beta=minute % 5, globex=3)
            world.checkpoint(minute * MINUTE)
    assert len(few.rates._models) == 1
    for tenant in ("acme", "beta", "globex"):
        assert few.rates._models.of(tenant).state() == many.rates._models.of(tenant).state()


# -- in the ingest step


def burst(offset: int, minute: int, count: int) -> list[Record]:
    """Return so many records of one alert within a minute."""
    return [firing(offset + number, T0 + minute * MINUTE + number, labels={"n": "1"}) for number in range(count)]


def busy(driver: Driver, minutes: range, count: int, offset: int) -> int:
    for minute in minutes:
        driver.take(burst(offset, minute, count))
        offset += count
    return offset


def own_of(driver: Driver) -> list[dict[str, Any]]:
    return [one for left in driver.left if (one := body(left.output)).get("source") == "core-alerts"]


def test_the_step_tells_of_a_rate_in_an_alert_of_its_own_with_an_id_that_a_second_run_repeats() -> None:
    driver = Driver(defaults=SCORED)
    offset = busy(driver, range(1500), 2, 0)
    driver.checkpoint()
    rows, told = dict(driver.rows), len(driver.left)
    again = Driver(defaults=SCORED, rows=rows)
    for one in (driver, again):
        busy(one, range(1500, 1512), 60, offset)
    assert again.left == driver.left[told:]
    (own,) = own_of(again)
    assert (own["name"], own["severity"], own["change"], own["labels"]) == ("AlertRateUnusual", "warning", "opened", {})
    assert own["extra"]["value"] > 5 * own["extra"]["usual"]
    assert {"score", "feature"} <= set(own["extra"])


def test_without_models_nothing_is_counted_and_nothing_kept() -> None:
    driver = Driver()
    busy(driver, range(30), 2, 0)
    driver.checkpoint()
    assert driver.step.rates is None
    assert not [key for key in driver.rows if key[:1] in (keys.RATE, keys.RATES_KNOWN, keys.RATES_JOURNAL)]


def test_no_rule_hides_what_is_told_of_a_rate() -> None:
    driver = Driver(defaults=SCORED)
    driver.take(burst(0, 0, 1))
    everything = {"matchers": [], "starts_at": "2023-01-01T00:00:00Z", "ends_at": "2024-12-01T00:00:00Z"}
    driver.take_control(control(0, "silence", "all", everything))
    busy(driver, range(1500, 1512), 60, busy(driver, range(1, 1500), 2, 1))
    assert [one["verdict"] for one in own_of(driver) if one["name"] == "AlertRateUnusual"] == ["active"]


def test_a_day_is_as_many_buckets_as_it_has_five_minutes() -> None:
    assert A_DAY * BUCKET == 24 * 60
