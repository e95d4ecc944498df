from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from bench import rates, report

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

DAY = 24 * 60
SCAN = 2 * DAY + 100


def test_what_is_told_of_a_scan_is_counted_as_one_and_any_other_burst_is_not() -> None:
    counts = Counter(dict.fromkeys(range(3 * DAY), 4)) + Counter({SCAN: 500, SCAN + 600: 2000})
    assert rates.rates_of(counts, {SCAN}, 3) == {"unusual": 2, "scans": 1, "forecast": 0}


def test_a_warning_is_right_if_more_than_usual_came() -> None:
    day = [20] * 24
    risen = rates.warnings_of([*day * 9, *[100] * 24], 24)
    assert (risen["days"], risen["warned"], risen["right"]) == (10, 1, 1)
    fallen = rates.warnings_of([*day * 9, *[100] * 14, *[20] * 10], 24)
    assert (fallen["warned"], fallen["right"]) == (1, 1)
    assert rates.warnings_of(day * 9, 24) == {"days": 9, "warned": 0, "right": 0, "held": 1.0}


def test_the_bench_reports_what_is_told_and_what_it_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {}
    monkeypatch.setattr(report, "write_result", lambda name, data: written.update({name: data}))
    folder = tmp_path / "ait_ads"
    folder.mkdir()
    line = {"name": "Wazuh: x", "short": "x", "ip": "10.0.0.1", "host": "h", "event_label": "-"}
    lines = [json.dumps({**line, "time": str(60 * minute)}) for minute in range(0, 2 * DAY, 3)]
    (folder / "one.jsonl").write_text("\n".join(lines) + "\n")
    rates.main(tmp_path, tenants=5)
    found = written["rates"]
    assert found["ait_ads"]["one"] == [{"unusual": 0, "scans": 0, "forecast": 0}] * 10
    assert [one["models_in_memory"] for one in found["cost"]] == [5, 2]
    assert found["cost"][0]["microseconds_a_tenant_minute"] > 0


def test_without_the_data_the_bench_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates.main(tmp_path)
    assert "nothing was measured" in capsys.readouterr().out
