"""A small recording with everything that can happen to an alert, and what came of it when a person last looked.

When a change of the pipeline is meant to change this, write the files anew in this folder and read the difference:
core-alerts replay alerts.jsonl --drain --out changes.jsonl --dead dead_letters.jsonl --json-summary summary.json
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pipeline.domain.alert import Periods
from pipeline.exchange import interpret, read_lines
from pipeline.replay import Replay

HERE = Path(__file__).parent


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_the_recording_gives_the_same_bytes_as_ever(batch_size: int) -> None:
    changes, dead = io.BytesIO(), io.BytesIO()
    run = Replay(Periods(), changes, dead, batch_size=batch_size)
    for number, text in read_lines(HERE / "alerts.jsonl"):
        run.take(interpret(number, text))
    summary = run.finish(drain=True)
    assert changes.getvalue() == (HERE / "changes.jsonl").read_bytes()
    assert dead.getvalue() == (HERE / "dead_letters.jsonl").read_bytes()
    assert summary.as_json() == json.loads((HERE / "summary.json").read_text("utf-8"))
