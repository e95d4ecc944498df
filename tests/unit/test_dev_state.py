from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.dev.broker import BrokerStatus, start, status, stop
from pipeline.dev.properties import Ports
from pipeline.dev.state import Home, Record, load_record, save_record
from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

RECORD = Record(Ports(20001, 20002, {"SECURE": 20003}), "4.1.2", 4711, "123456", "2026-11-23T06:00:00+00:00")


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    home.root.mkdir()
    save_record(home, RECORD)
    assert load_record(home) == RECORD
    assert [path.name for path in home.root.iterdir()] == ["broker.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ports": {"client": 1', '{"ports": 3, "kafka": "4"}'])
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    home = Home.of(tmp_path)
    home.root.mkdir()
    home.state.write_text(text)
    assert load_record(home) is None


def test_a_home_that_does_not_exist_has_no_record(tmp_path: Path) -> None:
    assert load_record(Home.of(tmp_path / "nowhere")) is None


def test_a_data_folder_that_cannot_hold_a_broker_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError, match=r"file/kafka cannot be created.*Choose one that you may write to"):
        start(file)
    with pytest.raises(ConfigurationError, match=r"a,b/kafka.*Choose another folder"):
        start(tmp_path / "a,b")


def test_a_data_folder_that_was_never_used_has_no_broker_to_stop_or_to_look_at(tmp_path: Path) -> None:
    assert stop(tmp_path) is False
    assert status(tmp_path) == BrokerStatus(broker=None, answers=False)
    assert list(tmp_path.iterdir()) == []
