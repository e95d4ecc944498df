from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.image import imread

from agents.suppress.defaults import Defaults
from pipeline.backtest.hours import HOUR
from pipeline.backtest.picture import draw, series, sparkline
from pipeline.backtest.run import Backtest, Rules
from pipeline.domain.alert import Periods
from pipeline.replay_control import ControlLog
from tests.replay_scenes import ADAPTIVE, eventful, silence

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.backtest.run import Difference


def test_hours_without_a_change_are_there_as_nothing() -> None:
    rows = [(5 * HOUR, 1, 0), (7 * HOUR, 2, 3)]
    assert series(rows, HOUR, 10) == (HOUR, [(5 * HOUR, 1, 0), (6 * HOUR, 0, 0), (7 * HOUR, 2, 3)])


def test_more_hours_than_there_is_room_for_are_added_up() -> None:
    rows = [(hour * HOUR, 1, hour) for hour in range(5)]
    assert series(rows, HOUR, 2) == (3 * HOUR, [(0, 3, 3), (3 * HOUR, 2, 7)])


def test_nothing_is_nothing() -> None:
    assert series([], HOUR, 10) == (HOUR, [])


@pytest.mark.parametrize(("counts", "line"), [([0, 1, 50, 100], " ▁▅█"), ([1], "▁"), ([], ""), ([100, 100], "██")])
def test_a_mark_is_as_high_as_its_count_and_never_blank_where_there_is_one(counts: list[int], line: str) -> None:
    assert sparkline(counts, 100) == line


def difference(*, with_alerts: bool) -> Difference:
    off = Defaults.switched_off()
    run = Backtest(Periods(), Rules(ControlLog(), off), Rules(ControlLog([silence(name="A")]), ADAPTIVE))
    for line in eventful() if with_alerts else ():
        run.take(line)
    return run.finish()


def colours(file: Path) -> set[str]:
    """Return the colours of a PNG, each as six hexadecimal digits."""
    picture = (imread(file)[:, :, :3] * 255).round().astype("uint8")
    assert picture.shape == (480, 1320, 3)
    return {bytes(colour).hex() for colour in np.unique(picture.reshape(-1, 3), axis=0)}


def test_the_picture_shows_both_runs_and_is_the_same_each_time(tmp_path: Path) -> None:
    found = difference(with_alerts=True)
    assert found.storms_begun
    draw(found, "rules-new", tmp_path / "a.png")
    draw(found, "rules-new", tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert {"0072b2", "cacaca"} <= colours(tmp_path / "a.png")  # the candidate's line on the area of today's


def test_a_picture_of_nothing_is_one_too(tmp_path: Path) -> None:
    draw(difference(with_alerts=False), "rules-new", tmp_path / "a.png")
    assert "0072b2" not in colours(tmp_path / "a.png")
