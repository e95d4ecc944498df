from __future__ import annotations

from pipeline.domain.correlation.bursts import Burst


def told(*seconds: float) -> list[str | None]:
    """Return what the repeats of an alert are told as that came at these times; it opened at the first."""
    burst, opened, before = Burst(), seconds[0], seconds[0]
    found = []
    for number, at in enumerate(seconds[1:]):
        found.append(burst.repeat(round(1000 * (at - before)), round(1000 * (before - opened)), number))
        before = at
    return found


def test_a_repeat_after_a_pause_is_told_at_once() -> None:
    assert told(0, 0.1, 0.2, 25, 25.1) == [None, None, "resumed", None]


def test_an_alert_sent_anew_every_minute_resumes_once_and_then_never() -> None:
    assert told(0, 60, 120, 180, 240) == ["resumed", None, None, None]


def test_an_alert_sent_now_and_then_surges_with_its_fourth_repeat_in_a_row() -> None:
    times = [0, 60, 120, 180, 180.1, 180.2, 180.3, 180.4, 180.5]
    assert told(*times) == ["resumed", None, None, None, None, "surged", None, None]


def test_the_burst_with_which_an_alert_opens_is_not_told_again() -> None:
    assert told(*(number / 10 for number in range(50))) == [None] * 49


def test_each_burst_is_told_once() -> None:
    assert told(0, 10, 10.1, 10.2, 10.3, 10.4, 10.5, 100, 100.1, 100.2)[6:] == ["resumed", None, None]
