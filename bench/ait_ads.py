"""Put a scenario of AIT-ADS into the form of alerts.raw, for `replay`, `backtest` and `why`.

python -m bench.ait_ads FILE OUT.jsonl.gz    # one scenario, .jsonl or .jsonl.gz; the tenant is called as the file
"""

from __future__ import annotations

import gzip
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The set has no severity. AMiner tells what is new to it, the others by rules that somebody wrote.
INFORMATIVE = {"AMiner"}


def raw_alert(tenant: str, line: Mapping[str, str]) -> dict[str, Any]:
    """Return one alert as it would be sent. The labels of the truth are left out."""
    source, _, name = line["name"].partition(":")
    return {
        "tenant_id": tenant,
        "name": name.strip() or line["name"],
        "severity": "info" if source in INFORMATIVE else "warning",
        "status": "firing",
        "labels": {"rule": line["short"], "host": line["host"], "ip": line["ip"]},
        "starts_at": datetime.fromtimestamp(int(line["time"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": source,
    }


def scenario(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the alerts of one file, in its order."""
    tenant = path.name.partition(".")[0]
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            yield raw_alert(tenant, json.loads(line))


def convert(source: Path, target: Path) -> int:
    """Write the alerts of `source` to `target`, gzipped, the same bytes on every run; return how many they are."""
    count = 0
    with target.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as out:
        for count, alert in enumerate(scenario(source), 1):  # noqa: B007 - the last one is returned
            out.write(json.dumps(alert, separators=(",", ":")).encode() + b"\n")
    return count


def main(arguments: list[str]) -> int:
    """Convert one file."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = (Path(one) for one in arguments)
    print(f"{convert(source, target):,} alerts in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
