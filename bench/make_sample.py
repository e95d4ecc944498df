"""Make pipeline/dev/sample/fault_alerts.jsonl.gz from the published fault alerts: the same bytes on every run.

Run: python -m bench.make_sample [--source FOLDER]
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT.parent / "shared" / "data" / "fault_alerts"
TARGET = ROOT / "pipeline" / "dev" / "sample" / "fault_alerts.jsonl.gz"
TENANTS = {"MicroSS": "micross", "Online-Boutique-cloudbed-1": "online-boutique"}

SYSTEM_CLOCK = timezone(timedelta(hours=8))  # both systems write local time into labels and log lines
STAMP = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[.,](\d{3}) \| ")
LEVEL = re.compile(r"^(?:severity: )?(info|warning|error)\b", re.IGNORECASE)
MESSAGE_LIMIT = 200  # characters: enough to tell two templates apart

TRACE_SEVERITY = {"500": "critical", "400": "error", "PD": "warning"}
LOG_SEVERITY = {"error": "critical", "warning": "warning", "info": "info"}
DEFAULT_SEVERITY = "warning"  # metrics, and log lines that state no level

Episode = dict[str, Any]


def severity_of_line(line: str) -> str:
    """Return the severity that a log line's own level maps to."""
    level = LEVEL.match(line)
    return LOG_SEVERITY[level[1].lower()] if level else DEFAULT_SEVERITY


def metric_alert(raw: list[str]) -> Episode:
    """Return what one metric deviation says: [epoch ms, entity, host, metric, up|down]."""
    stamp, entity, host, metric, direction = raw
    return {
        "name": f"{metric} {direction}",
        "severity": DEFAULT_SEVERITY,
        "labels": {"entity": entity, **({"host": host} if host else {}), "metric": metric, "direction": direction},
        "annotations": {"summary": f"{metric} of {entity} went {direction} against its usual range"},
        "starts_ms": int(stamp),
        "source": "metric",
    }


def trace_alert(raw: list[str]) -> Episode:
    """Return what one bad call says: [epoch ms, caller, callee, operation, PD|400|500].

    The extractor groups spans by (parent, service, operation), so the caller comes first.
    """
    stamp, caller, callee, operation, kind = raw
    happened = "answers slower than usual" if kind == "PD" else f"answers with status {kind}"
    return {
        "name": f"{operation} {kind}",
        "severity": TRACE_SEVERITY[kind],
        "labels": {"entity": callee, "caller": caller, "operation": operation, "kind": kind},
        "annotations": {"summary": f"{callee} {happened} when {caller} calls {operation}"},
        "starts_ms": int(stamp),
        "source": "trace",
    }


def log_alert(raw: list[Any]) -> Episode:
    """Return what one unusual log template says: [entity, template, lines, count, representative]."""
    entity, template, lines, count, _ = raw
    first = min(lines, key=line_ms)
    message = STAMP.sub("", first)
    times = "once" if count == 1 else f"{count} times"
    return {
        "name": f"log template {template}",
        "severity": severity_of_line(message),
        "labels": {"entity": entity, "template": template},
        "annotations": {
            "summary": f"{entity} logged the unusual template {template} {times} during the fault",
            "message": message[:MESSAGE_LIMIT],
        },
        "starts_ms": line_ms(first),
        "source": "log",
    }


CONVERTERS = {"metric": metric_alert, "trace": trace_alert, "log": log_alert}


def line_ms(line: str) -> int:
    """Return the epoch milliseconds at which a log line was written."""
    stamp = STAMP.match(line)
    if stamp is None:
        raise ValueError(f"a log line without its time: {line[:60]!r}")
    return local_ms(stamp[1]) + int(stamp[2])


def local_ms(text: str) -> int:
    """Return the epoch milliseconds of a local time such as 2021-07-01 18:45:00.236."""
    moment = datetime.fromisoformat(text).replace(tzinfo=SYSTEM_CLOCK)
    return round(moment.timestamp() * 1000)


def fault_end_ms(fault: Mapping[str, str]) -> int:
    """Return when a fault ended; one system writes local time, the other epoch seconds."""
    end = fault["fault_ed_time"]
    return int(end) * 1000 if end.isdigit() else local_ms(end)


def rfc3339(ms: int) -> str:
    """Return epoch milliseconds as text, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def episode(tenant: str, kind: str, raw: list[Any], fault: Mapping[str, str]) -> Episode:
    """Return one alert episode in alerts.raw form, with what is known of its cause under extra.truth."""
    alert = CONVERTERS[kind](raw)
    return {
        "tenant_id": tenant,
        "name": alert["name"],
        "severity": alert["severity"],
        "status": "firing",
        "labels": alert["labels"],
        "annotations": alert["annotations"],
        "starts_at": rfc3339(alert["starts_ms"]),
        "ends_at": rfc3339(fault_end_ms(fault)),
        "source": alert["source"],
        "extra": {
            "truth": {
                "incident": f"{tenant}-{fault['fault_id']}",
                "wanted": True,
                "step": fault["fault_type"].strip("[]"),
                "root_cause": fault["fault_entity"],
            }
        },
    }


def read_lines(path: Path) -> Iterator[Any]:
    """Yield the JSON documents of a file, gzipped or not."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in text.splitlines():
        yield json.loads(line)


def episodes_of(folder: Path, tenant: str) -> Iterator[Episode]:
    """Yield the episodes of one system, without the faults that were only copied to balance a training set."""
    faults = {fault["fault_id"]: fault for fault in read_lines(folder / "labels.jsonl")}
    for kind in CONVERTERS:
        for row in read_lines(folder / f"{kind}_alerts.jsonl.gz"):
            fault = faults[row["fault_id"]]
            if fault.get("augmented") != "True":
                yield episode(tenant, kind, row["alert"], fault)


def identity(item: Episode) -> tuple[str, str, str]:
    """Return what makes two episodes the same alert."""
    return item["tenant_id"], item["name"], json.dumps(item["labels"], sort_keys=True)


def convert(source: Path) -> list[Episode]:
    """Return every episode of every system, ordered by start, none of one alert overlapping the next."""
    found = (item for folder, tenant in TENANTS.items() for item in episodes_of(source / folder, tenant))
    unique = {(item["starts_at"], *identity(item)): item for item in found}
    episodes = [unique[key] for key in sorted(unique)]
    end_at_next_start(episodes)
    return episodes


def end_at_next_start(episodes: list[Episode]) -> None:
    """End each episode no later than the next one of the same alert starts.

    A few faults of one system overlap by seconds or minutes; one alert cannot be open twice.
    """
    latest: dict[tuple[str, str, str], Episode] = {}
    for item in episodes:
        earlier = latest.get(identity(item))
        if earlier is not None:
            earlier["ends_at"] = min(earlier["ends_at"], item["starts_at"])
        latest[identity(item)] = item


def as_lines(episodes: Iterable[Episode]) -> bytes:
    """Return the episodes as JSON lines."""
    return b"".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for item in episodes)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder with one sub-folder per system")
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args(arguments)
    if not options.source.is_dir():
        parser.error(f"no alerts at {options.source}: give the folder of the published set with --source")
    episodes = convert(options.source)
    options.target.write_bytes(gzip.compress(as_lines(episodes), compresslevel=9, mtime=0))
    for (tenant, kind), count in sorted(Counter((e["tenant_id"], e["source"]) for e in episodes).items()):
        print(f"{tenant:16} {kind:7} {count:6}")
    print(f"{options.target.name}: {len(episodes)} episodes, {options.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
