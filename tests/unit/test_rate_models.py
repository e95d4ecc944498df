"""One tenant's rate, five minutes by five minutes: what is unusual, what is expected, and when nothing is said."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from agents.rate_models import A_DAY, APART, BUCKET, BUSY, CALM, CALM_FORECAST, IN_FORECAST, LASTING, RateModels, Spell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.rate_models import RateNews

MS = BUCKET * 60_000
Told = tuple[int, str, bool]


def learned(models: RateModels, counts: Sequence[int], first: int = 0) -> list[tuple[int, RateNews]]:
    """Return what is told of these buckets, each with the number of its bucket."""
    return [
        (bucket, news)
        for bucket, count in enumerate(counts, first)
        for news in models.learn(bucket, bucket * MS, count, (bucket + 1) * MS)
    ]


def told(models: RateModels, counts: Sequence[int], first: int = 0) -> list[Told]:
    return [(bucket, news.what, news.over) for bucket, news in learned(models, counts, first)]


def noisy(buckets: int, mean: int = 50, seed: int = 1) -> list[int]:
    """Return counts that vary as counts of independent alerts do."""
    drawn = random.Random(seed)  # noqa: S311 - test data, not a secret
    return [max(0, round(drawn.gauss(mean, mean**0.5))) for _ in range(buckets)]


def test_of_alerts_that_come_as_always_nothing_is_told_for_two_weeks() -> None:
    assert told(RateModels(), noisy(14 * A_DAY)) == []


def test_a_rush_hour_that_comes_every_day_is_no_news() -> None:
    day = [*noisy(A_DAY // 2, 20), *noisy(A_DAY // 4, 120), *noisy(A_DAY // 4, 20)]
    assert [one for one in told(RateModels(), day * 10) if one[0] >= 2 * A_DAY] == []


def test_a_rate_that_is_thrice_the_usual_is_told_with_its_first_bucket_and_its_end_after_calm_ones() -> None:
    models = RateModels()
    assert told(models, noisy(3 * A_DAY)) == []
    (began,) = learned(models, noisy(3, 150), 3 * A_DAY)
    assert (began[0], began[1].what, began[1].over, began[1].since) == (3 * A_DAY, "unusual", False, began[1].since)
    facts = began[1].facts
    assert 120 < float(facts["value"]) < 180
    assert 40 < float(facts["usual"]) < 60
    assert 0.5 <= float(facts["score"]) <= 1
    assert models.has_told
    ended = [news for _, news in learned(models, noisy(40), 3 * A_DAY + 3) if news.what == "unusual"]
    assert [(news.over, news.since) for news in ended] == [(True, began[1].since)]


def test_silence_where_alerts_always_come_is_unusual() -> None:
    models = RateModels()
    told(models, noisy(3 * A_DAY))
    assert told(models, [0, 0, 0, 0], 3 * A_DAY) == [(3 * A_DAY, "unusual", False)]


def test_nothing_is_told_before_a_day_was_watched() -> None:
    early, warm = RateModels(), RateModels()
    told(early, noisy(A_DAY - 3))
    told(warm, noisy(A_DAY))
    assert told(early, [500, 500], A_DAY - 3) == []
    assert told(warm, [500, 500], A_DAY) == [(A_DAY, "unusual", False)]


def test_buckets_that_nobody_watched_make_no_tenant_known() -> None:
    models = RateModels()
    told(models, noisy(A_DAY // 2))
    assert told(models, [*noisy(A_DAY // 4), 900], 3 * A_DAY) == []


@pytest.mark.parametrize(("burst", "is_told"), [(APART - 1, False), (APART + 5, True)])
def test_a_handful_of_alerts_more_is_never_unusual(burst: int, is_told: bool) -> None:
    models = RateModels()
    told(models, [0] * 2 * A_DAY)
    assert told(models, [burst], 2 * A_DAY) == ([(2 * A_DAY, "unusual", False)] if is_told else [])


def test_what_lasts_for_hours_is_told_as_over_once_and_does_not_begin_again() -> None:
    models = RateModels()
    told(models, noisy(3 * A_DAY))
    unusual = [one for one in told(models, noisy(3 * A_DAY, 400), 3 * A_DAY) if one[1] == "unusual"]
    assert [over for _, _, over in unusual] == [False, True]
    assert unusual[1][0] - unusual[0][0] <= LASTING
    assert not models.has_told


def test_a_spell_that_lasts_too_long_ends_once_though_it_goes_on() -> None:
    spell = Spell(0)
    assert [spell.ends(again=True, calm=3, longest=4) for _ in range(6)] == [False, False, False, True, False, False]


def test_a_spell_ends_after_calm_looks_in_a_row() -> None:
    spell = Spell(0)
    assert [spell.ends(again=again, calm=2, longest=99) for again in (False, True, False, False)] == [
        False,
        False,
        False,
        True,
    ]


def test_more_than_usual_is_warned_of_once_and_over_when_the_forecast_is_as_usual() -> None:
    models = RateModels()
    told(models, noisy(4 * A_DAY))
    risen = learned(models, noisy(2 * 12, 200), 4 * A_DAY)
    (began,) = [(bucket, news) for bucket, news in risen if news.what == "forecast"]
    facts = began[1].facts
    assert float(facts["usual_at_most"]) < float(facts["low"]) <= float(facts["high"]) <= 12 * 250
    assert 500 < float(facts["usual"]) < 700
    over = [one for one in told(models, noisy(A_DAY), 4 * A_DAY + 24) if one[1] == "forecast"]
    assert [end for _, _, end in over] == [True]
    assert over[0][0] - (4 * A_DAY + 24) >= CALM_FORECAST


def test_hours_with_hardly_an_alert_are_never_warned_of() -> None:
    models = RateModels()
    told(models, [0] * 3 * A_DAY)
    rising = [BUSY // 12 - 1] * 36  # an hour of these is fewer than BUSY
    assert [one for one in told(models, rising, 3 * A_DAY) if one[1] == "forecast"] == []


def test_a_silence_is_taken_in_as_buckets_that_brought_nothing() -> None:
    counts = noisy(2 * A_DAY)
    silent, watched = RateModels(), RateModels()
    told(silent, counts)
    told(watched, counts)
    told(watched, [0] * 20, 2 * A_DAY)
    told(silent, [7], 2 * A_DAY + 20)
    told(watched, [7], 2 * A_DAY + 20)
    assert silent._series.snapshot() == watched._series.snapshot()
    assert silent._volume._kept.counts == watched._volume._kept.counts


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("silent", range(6))
def test_the_forecast_keeps_its_place_in_the_day_through_any_silence(first: int, silent: int) -> None:
    models = RateModels()
    told(models, [1] * (A_DAY + first))
    after = A_DAY + first + silent
    told(models, [1] * 4, after)
    wanted = [*[1] * (A_DAY + first), *[0] * silent, *[1] * 4]
    pairs = [sum(wanted[place : place + IN_FORECAST]) for place in range(0, len(wanted) - 1, IN_FORECAST)]
    assert models._volume._kept.counts == pairs
    assert models._volume._kept.learned == len(pairs)


@pytest.mark.parametrize("days", [1, 2, 3, 400_000])
def test_of_a_long_silence_two_days_at_most_are_taken_in_and_the_time_of_day_stays_right(days: int) -> None:
    models = RateModels()
    told(models, [1] * 2 * A_DAY)
    told(models, [1], 2 * A_DAY + days * A_DAY + 10)
    taken = models._volume._kept.learned - A_DAY
    assert taken <= 2 * A_DAY // IN_FORECAST
    assert taken % (A_DAY // IN_FORECAST) == 5


def test_the_state_is_small_and_all_there_is() -> None:
    models = RateModels()
    told(models, noisy(8 * A_DAY, 2000))
    state = msgspec.msgpack.encode(models.state())
    assert len(state) < 10_000
    again = RateModels.restored(msgspec.msgpack.decode(state))
    rest = [*noisy(10, 9000), *noisy(90, 2000)]
    assert told(again, rest, 8 * A_DAY) == told(models, rest, 8 * A_DAY) != []
    assert again.state() == models.state()


def test_it_is_usual_again_no_sooner_than_after_calm_buckets() -> None:
    models = RateModels()
    told(models, noisy(3 * A_DAY))
    (began, ended) = [one for one in told(models, [400, *noisy(40)], 3 * A_DAY) if one[1] == "unusual"]
    assert ended[0] - began[0] >= CALM
