"""Put the labelled data sets into the form that `core-alerts evaluate` reads: one folder for each.

python -m bench.labelled_sets DATA OUT    # DATA holds ait_ads/, fault_alerts/ and nab/

A folder is `alerts.jsonl.gz` in the form of alerts.raw, each with extra.truth = {"incident", "wanted", "step",
"root_cause"}, and `topology.yaml` where there is one; or `series/**/*.csv` with `windows.json`, as NAB has them.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bench.ait_ads import raw_alert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Days of DNS tunnelling: an attack that is wanted, and no incident that could be grouped.
_NO_INCIDENT = {"-", "dnsteal"}
_LASTS = 300  # seconds: the set has no ends
_OVERLAY_EVERY = 1200.0  # seconds between two faults of one system
_OVERLAY_SHIFT = 300.0  # how much later the second system's begin
_OVERLAY_START = 1_767_225_600.0  # 2026-01-01
_CHINA = timezone(timedelta(hours=8))  # the clock of MicroSS' logs


def moment(seconds: float) -> str:
    """Return a time as alerts carry it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ait_scenario(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the alerts of one scenario of AIT-ADS, with the attack step that caused each."""
    tenant = path.name.partition(".")[0]
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for text in lines:
            line = json.loads(text)
            step = None if line["event_label"] == "-" else line["event_label"]
            truth = {
                "incident": None if line["event_label"] in _NO_INCIDENT else step,
                "wanted": step is not None,
                "step": step,
                "root_cause": None,
                "during_attack": line.get("time_label", "false_positive") != "false_positive",
            }
            ends_at = moment(int(line["time"]) + _LASTS)
            yield {**raw_alert(tenant, line), "ends_at": ends_at, "extra": {"truth": truth}}


class Faults:
    """The alerts of one system of fault_alerts, by fault."""

    def __init__(self, folder: Path) -> None:
        self.tenant = folder.name.lower()
        self.topology = json.loads((folder / "topology.json").read_text())
        self._folder = folder
        with (folder / "labels.jsonl").open() as lines:
            self._labels = {one["fault_id"]: one for one in map(json.loads, lines)}
        self.fault_ids = sorted(self._labels, key=int)

    def begin(self, fault_id: str) -> float:
        """Return when a fault was injected, in seconds."""
        return _seconds(self._labels[fault_id]["fault_st_time"])

    def alerts(self) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """Yield (time in seconds, fault, alert without times and tenant)."""
        for source, read in (("metric", _metric), ("trace", _trace), ("log", _log)):
            path = self._folder / f"{source}_alerts.jsonl.gz"
            if not path.exists():
                continue
            with gzip.open(path, "rt") as lines:
                for line in map(json.loads, lines):
                    at, name, severity, labels = read(line["alert"])
                    fault = self._labels[line["fault_id"]]
                    truth = {"incident": line["fault_id"], "wanted": True, "step": None}
                    yield (
                        at,
                        line["fault_id"],
                        {
                            "name": name,
                            "severity": severity,
                            "labels": {key: value for key, value in labels.items() if value},
                            "source": source,
                            "ends_at": _seconds(fault["fault_ed_time"]),
                            "extra": {"truth": {**truth, "root_cause": fault["fault_entity"]}},
                        },
                    )


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).replace(tzinfo=_CHINA).timestamp()


def _metric(alert: list[Any]) -> tuple[float, str, str, dict[str, Any]]:
    at, entity, host, metric, direction = alert
    return int(at) / 1000, f"{metric} {direction}", "warning", {"entity": entity, "host": host}


def _trace(alert: list[Any]) -> tuple[float, str, str, dict[str, Any]]:
    at, callee, caller, operation, kind = alert
    severity = "warning" if kind == "PD" else "critical"
    return int(at) / 1000, f"{operation} {kind}", severity, {"entity": callee, "caller": caller}


def _log(alert: list[Any]) -> tuple[float, str, str, dict[str, Any]]:
    entity, template, messages, *_ = alert
    text, _, _ = messages[0].partition(" | ")
    at = datetime.fromisoformat(text.replace(",", ".")).replace(tzinfo=_CHINA).timestamp()
    severity = "critical" if "| ERROR |" in messages[0] else "warning"
    return at, f"log template {template}", severity, {"entity": entity}


def alone(system: Faults) -> list[dict[str, Any]]:
    """Return the alerts of a system as they came."""
    found = [_sent(system.tenant, at, alert, 0.0) for at, _, alert in system.alerts()]
    return sorted(found, key=lambda one: one["starts_at"])


def overlaid(first: Faults, second: Faults) -> list[dict[str, Any]]:
    """Return two systems' alerts as one tenant's: a fault of each every 20 minutes, the second's 5 minutes later."""
    sent = []
    for system, shift in ((first, 0.0), (second, _OVERLAY_SHIFT)):
        new_begin = {
            fault_id: _OVERLAY_START + number * _OVERLAY_EVERY + shift
            for number, fault_id in enumerate(system.fault_ids)
        }
        for at, fault_id, alert in system.alerts():
            moved = new_begin[fault_id] - system.begin(fault_id)
            truth = alert["extra"]["truth"]
            named = {**truth, "incident": f"{system.tenant}/{fault_id}"}
            sent.append(_sent("overlay", at, {**alert, "extra": {"truth": named}}, moved))
    return sorted(sent, key=lambda one: one["starts_at"])


def _sent(tenant: str, at: float, alert: dict[str, Any], moved: float) -> dict[str, Any]:
    times = {"starts_at": moment(at + moved), "ends_at": moment(max(at, alert["ends_at"]) + moved)}
    return {"tenant_id": tenant, **alert, **times}


def merged(*topologies: dict[str, Any]) -> dict[str, Any]:
    """Return the nodes and edges of several graphs in one."""
    return {
        "nodes": [node for one in topologies for node in one["nodes"]],
        "edges": [edge for one in topologies for edge in one["edges"]],
    }


def write(folder: Path, alerts: Iterable[dict[str, Any]], topology: dict[str, Any] | None = None) -> int:
    """Write one set, the same bytes on every run; return how many alerts it has."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with (
        (folder / "alerts.jsonl.gz").open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as out,
    ):
        for count, alert in enumerate(alerts, 1):  # noqa: B007 - the last one is returned
            out.write(json.dumps(alert, separators=(",", ":")).encode() + b"\n")
    if topology is not None:
        (folder / "topology.yaml").write_text(yaml.safe_dump(topology, sort_keys=False))
    return count


def write_nab(data: Path, folder: Path) -> int:
    """Write the series of NAB and their windows; return how many series they are."""
    shutil.copytree(data / "data", folder / "series", dirs_exist_ok=True)
    shutil.copy(data / "labels" / "combined_windows.json", folder / "windows.json")
    return len(list((folder / "series").rglob("*.csv")))


def main(arguments: list[str]) -> int:
    """Write every set there is."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    data, out = (Path(one) for one in arguments)
    for path in sorted((data / "ait_ads").glob("*.jsonl*")):
        name = path.name.partition(".")[0]
        print(f"ait-{name}: {write(out / f'ait-{name}', ait_scenario(path)):,} alerts")
    micro, boutique = (Faults(data / "fault_alerts" / one) for one in ("MicroSS", "Online-Boutique-cloudbed-1"))
    for system in (micro, boutique):
        print(f"{system.tenant}: {write(out / f'faults-{system.tenant}', alone(system), system.topology):,} alerts")
    both = merged(boutique.topology, micro.topology)
    print(f"overlay: {write(out / 'faults-overlay', overlaid(boutique, micro), both):,} alerts")
    print(f"nab: {write_nab(data / 'nab', out / 'nab')} series")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
