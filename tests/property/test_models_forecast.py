"""What must hold for forecasts, times to resolve and chances to flap, whatever they learned."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from models.time_to_resolve import LONGEST, Open, TimeToResolve
from models.volume_forecast import VolumeForecast
from models.will_flap import WITHIN, Opened, WillFlap, outcome
from pipeline.evaluation.forecast import coverage, mase, pinball_loss

SEASON = 4  # buckets a day
COUNTS = st.lists(st.sampled_from([0, 0, 1, 2, 5, 100]) | st.integers(0, 10**6), max_size=60)
ENDS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e7)), max_size=40)
OPENINGS = st.lists(
    st.tuples(st.builds(Opened, st.sampled_from("ab"), st.sampled_from("ij")), st.sampled_from([0, 1])), max_size=40
)


def through_msgpack(state: object) -> Any:
    """Return what is read back of what was written."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state))


# -- volume


def forecasting(counts: list[int], *, restart_before: frozenset[int] = frozenset()) -> VolumeForecast:
    model = VolumeForecast(SEASON)
    for number, count in enumerate(counts):
        if number in restart_before:
            model = VolumeForecast.restore(through_msgpack(model.snapshot()))
        model.learn(count)
    return model


@given(COUNTS, st.frozensets(st.integers(0, 60)))
def test_restarts_at_any_point_change_no_forecast(counts: list[int], restart_before: frozenset[int]) -> None:
    once, restarted = forecasting(counts), forecasting(counts, restart_before=restart_before)
    assert restarted.snapshot() == once.snapshot()
    assert [restarted.forecast(ahead) for ahead in (1, 4)] == [once.forecast(ahead) for ahead in (1, 4)]
    assert restarted.score(3) == once.score(3)


@given(COUNTS, st.integers(1, SEASON))
def test_nothing_is_forecast_that_has_never_been(counts: list[int], ahead: int) -> None:
    forecast = forecasting(counts).forecast(ahead)
    if forecast is None:
        assert not counts
    else:
        assert min(counts) <= forecast.low <= forecast.expected <= forecast.high <= max(counts)
        assert {forecast.low, forecast.expected, forecast.high} <= set(counts)


@given(COUNTS, st.sampled_from([2, 4, 1024]))  # powers of 2, so that nothing is rounded
def test_a_forecast_grows_with_the_counts(counts: list[int], factor: int) -> None:
    one, other = forecasting(counts), forecasting([count * factor for count in counts])
    for ahead in range(1, SEASON + 1):
        forecast, grown = one.forecast(ahead), other.forecast(ahead)
        if forecast is not None and grown is not None:
            assert grown.low == forecast.low * factor
            assert grown.expected == forecast.expected * factor
            assert grown.high == forecast.high * factor
        assert one.more_than_usual(ahead) == other.more_than_usual(ahead)


@given(COUNTS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_count_further_off_is_no_less_surprising(counts: list[int], one: int, other: int) -> None:
    model = forecasting(counts)
    assert 0 <= model.score(one).score <= 1
    forecast = model.forecast()
    if forecast is not None and forecast.expected <= min(one, other):
        assert (model.score(one).score - model.score(other).score) * (one - other) >= 0


# -- time to resolve


def resolving(ends: list[tuple[str, float]], restart_before: int = -1) -> TimeToResolve:
    model = TimeToResolve()
    for number, (name, seconds) in enumerate(ends):
        if number == restart_before:
            model = TimeToResolve.restore(through_msgpack(model.snapshot()))
        model.learn(Open(name), seconds)
    return model


@given(ENDS, st.integers(0, 40), st.floats(0, 1e7))
def test_a_restart_changes_no_time_to_resolve(ends: list[tuple[str, float]], at: int, open_for: float) -> None:
    once, restarted = resolving(ends), resolving(ends, at)
    assert restarted.forecast(Open("a", open_for)) == once.forecast(Open("a", open_for))
    assert restarted.score(Open("b", open_for)) == once.score(Open("b", open_for))


@given(ENDS, st.floats(0, 1e7))
def test_an_end_lies_between_now_and_the_longest_known(ends: list[tuple[str, float]], open_for: float) -> None:
    forecast = resolving(ends).forecast(Open("a", open_for))
    if forecast is not None:
        assert min(open_for, LONGEST) <= forecast.early <= forecast.expected <= forecast.late
        assert forecast.late <= max(round(min(seconds, LONGEST)) for _, seconds in ends)


@given(ENDS, st.floats(0, 1e7), st.floats(0, 1e7))
def test_the_longer_an_alert_is_open_the_more_are_over(ends: list[tuple[str, float]], one: float, other: float) -> None:
    model = resolving(ends)
    shorter, longer = sorted((one, other))
    assert 0 <= model.score(Open("a", shorter)).score <= model.score(Open("a", longer)).score <= 1


@given(ENDS, st.floats(0, 1e7), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_quantile_is_the_first_end_by_which_its_share_had_come(
    ends: list[tuple[str, float]], open_for: float, share: float
) -> None:
    model = resolving(ends)
    for name in "ab":
        expected = model.ends_of(Open(name, open_for))
        if expected is not None:
            came = sorted({float(round(min(seconds, LONGEST))) for _, seconds in ends})
            first = next(end for end in came if expected.share(end) >= share)
            assert expected.quantile(share) == first


# -- flapping


@given(OPENINGS, st.integers(0, 40))
def test_a_restart_changes_no_chance(openings: list[tuple[Opened, int]], at: int) -> None:
    once, restarted = WillFlap(), WillFlap()
    for number, (opened, flapped) in enumerate(openings):
        if number == at:
            restarted = WillFlap.restore(through_msgpack(restarted.snapshot()))
        once.learn(opened, flapped)
        restarted.learn(opened, flapped)
    assert restarted.snapshot() == once.snapshot()
    assert all(restarted.score(opened) == once.score(opened) for opened, _ in openings)


@given(OPENINGS, st.builds(Opened, st.sampled_from("abz"), st.sampled_from("ijz")))
def test_one_more_that_flapped_makes_it_likelier_and_one_that_did_not_less_so(
    openings: list[tuple[Opened, int]], opened: Opened
) -> None:
    chances = []
    for more in (0, 1):
        model = WillFlap()
        for x, flapped in [*openings, (opened, more)]:
            model.learn(x, flapped)
        chances.append(model.score(opened).score)
    assert 0 < chances[0] < chances[1] < 1


@given(st.lists(st.integers(0, 2 * WITHIN), max_size=6), st.integers(0, 3 * WITHIN), st.integers(0, 3 * WITHIN))
def test_an_outcome_once_known_stays(changes: list[int], one: int, other: int) -> None:
    earlier, later = sorted((one, other))
    known = outcome(0, [at for at in changes if at <= earlier], earlier)
    if known is not None:
        assert outcome(0, [at for at in changes if at <= later], later) is known


# -- measures


@given(st.lists(st.tuples(*[st.integers(-1000, 1000)] * 3), min_size=1))
def test_measures_stay_in_their_bounds(values: list[tuple[int, int, int]]) -> None:
    came, one, other = zip(*values, strict=True)
    low, high = (
        [min(pair) for pair in zip(one, other, strict=True)],
        [max(pair) for pair in zip(one, other, strict=True)],
    )
    assert 0 <= coverage(came, low, high) <= 1
    assert coverage(came, came, came) == 1
    assert mase(came, came, one) in {0, 1}
    assert pinball_loss(came, one, 0.9) >= pinball_loss(came, came, 0.9) == 0
