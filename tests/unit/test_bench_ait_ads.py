from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

from bench.ait_ads import main, raw_alert
from pipeline.schemas import raw

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LINE = {
    "time": "1642723201",
    "name": "Wazuh: Multiple attempts: 400 error codes.",
    "ip": "172.19.130.106",
    "host": "cloud_share",
    "short": "W-Acc-400",
    "time_label": "dirb",
    "event_label": "dirb",
}
ALERT = {
    "tenant_id": "russellmitchell",
    "name": "Multiple attempts: 400 error codes.",
    "severity": "warning",
    "status": "firing",
    "labels": {"rule": "W-Acc-400", "host": "cloud_share", "ip": "172.19.130.106"},
    "starts_at": "2022-01-21T00:00:01Z",
    "source": "Wazuh",
}


def test_the_sender_is_what_stands_before_the_first_colon_of_a_name() -> None:
    assert raw_alert("russellmitchell", LINE) == ALERT


def test_what_is_only_new_to_the_sender_is_of_severity_info() -> None:
    severities = [raw_alert("t", {**LINE, "name": f"{one}: x"})["severity"] for one in ("AMiner", "Wazuh", "Suricata")]
    assert severities == ["info", "warning", "warning"]


def test_what_is_written_is_taken_by_the_ingest_agent_and_the_same_on_every_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "russellmitchell.jsonl"
    source.write_text(json.dumps(LINE) + "\n")
    written = []
    for name in ("one", "two"):
        target = tmp_path / f"{name}.jsonl.gz"
        assert main([str(source), str(target)]) == 0
        written.append(target.read_bytes())
    assert written[0] == written[1]
    (line,) = gzip.decompress(written[0]).splitlines()
    assert json.loads(line) == ALERT
    raw.check(raw.parse(line))
    assert capsys.readouterr().out.startswith("1 alerts in ")


def test_a_gzipped_scenario_gives_its_tenant_the_same_name(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "shaw.jsonl.gz", "wt") as file:
        file.write(json.dumps(LINE) + "\n")
    main([str(tmp_path / "shaw.jsonl.gz"), str(tmp_path / "out.jsonl.gz")])
    assert json.loads(gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()))["tenant_id"] == "shaw"
