"""Openings that wait for their outcome, and what becomes of them."""

from __future__ import annotations

import msgspec

from models.openings import MOST, Openings, shortened
from models.will_flap import WITHIN, Opened

MINUTE = 60_000
LINK = Opened("LinkDown", "eth0")


def waiting(at: int = 0, alert: int = 7, x: Opened = LINK) -> Openings:
    openings = Openings()
    openings.open(alert, at, x)
    return openings


def test_an_opening_flapped_with_the_third_change_after_it() -> None:
    openings = waiting()
    assert [openings.change(7, minute * MINUTE) for minute in (1, 2, 30)] == [[], [], [(LINK, True)]]
    assert openings.pass_time(100 * MINUTE) == []


def test_after_half_an_hour_with_fewer_changes_it_did_not() -> None:
    openings = waiting()
    openings.change(7, MINUTE)
    assert openings.pass_time(WITHIN) == []
    assert openings.pass_time(WITHIN + 1) == [(LINK, False)]
    assert len(openings) == 0


def test_changes_of_another_alert_do_not_count() -> None:
    openings = waiting()
    assert [openings.change(8, minute * MINUTE) for minute in (1, 2, 3)] == [[], [], []]


def test_each_opening_of_an_alert_waits_for_itself() -> None:
    openings, again = waiting(), Opened("LinkDown", "eth0", again=True)
    openings.change(7, MINUTE)  # its end
    openings.change(7, 2 * MINUTE)  # it opens again
    openings.open(7, 2 * MINUTE, again)
    assert openings.change(7, 3 * MINUTE) == [(LINK, True)]
    assert openings.pass_time(2 * MINUTE + WITHIN + 1) == [(again, False)]


def test_what_comes_late_counts_as_being_as_late_as_what_came_before() -> None:
    openings = waiting(at=10 * MINUTE)
    late = Opened("Late")
    openings.open(8, 0, late)
    assert openings.pass_time(WITHIN + 1) == []
    assert openings.pass_time(10 * MINUTE + WITHIN + 1) == [(LINK, False), (late, False)]


def test_what_opens_while_too_many_wait_is_not_learned_of() -> None:
    openings = Openings()
    for alert in range(MOST + 10):
        openings.open(alert, alert, Opened(f"name {alert}"))
    assert len(openings) == MOST
    known = openings.pass_time(MOST + 10 + WITHIN)
    assert [x.name for x, _ in known] == [f"name {alert}" for alert in range(MOST)]


def test_a_number_stands_for_a_long_text() -> None:
    assert shortened("LinkDown") == "LinkDown"
    assert shortened("n" * 64) == "n" * 64
    assert len(shortened("n" * 65)) <= 16 >= len(shortened("ä" * 33))
    assert shortened("n" * 65) != shortened("n" * 66)


def test_after_a_restart_the_same_openings_wait() -> None:
    openings = waiting()
    openings.change(7, MINUTE)
    openings.open(8, 2 * MINUTE, Opened("Other"))
    again = Openings.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(openings.snapshot())))
    for one in (openings, again):
        assert one.change(7, 3 * MINUTE) == []
        assert one.change(7, 4 * MINUTE) == [(LINK, True)]
        assert one.pass_time(WITHIN + 5 * MINUTE) == [(Opened("Other"), False)]
    assert again.snapshot() == openings.snapshot()
