"""What is written down about one development broker, in its own folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pipeline.dev.properties import Ports

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The files of one broker, all below `<data_dir>/kafka`."""

    root: Path

    @classmethod
    def of(cls, data_dir: Path) -> Home:
        """Return the home of the broker that belongs to a data directory."""
        return cls(data_dir.expanduser().resolve() / "kafka")

    @property
    def data(self) -> Path:
        """Kafka's own storage."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.root / "logs" / "server.log"

    @property
    def console(self) -> Path:
        """What the Java machine says when it cannot even log."""
        return self.root / "logs" / "console.log"

    @property
    def settings(self) -> Path:
        """Kafka's server.properties; it may hold passwords of extra listeners."""
        return self.root / "server.properties"

    @property
    def log4j(self) -> Path:
        """Log4j's configuration."""
        return self.root / "log4j2.properties"

    @property
    def state(self) -> Path:
        """The `Record`, as JSON."""
        return self.root / "broker.json"

    @property
    def lock(self) -> Path:
        """Held while a broker is started or stopped here."""
        return self.root / "broker.lock"


@dataclass(frozen=True, slots=True)
class Record:
    """The ports that belong to a home for good, and the process that last ran there, if any."""

    ports: Ports
    kafka: str
    pid: int | None = None
    birth: str | None = None  # tells this process from a later one with the same number
    started_at: str | None = None


def load_record(home: Home) -> Record | None:
    """Return what is written down, or None where nothing readable is."""
    try:
        document = json.loads(home.state.read_text(encoding="utf-8"))
        return Record(ports=Ports(**document.pop("ports")), **document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # never started here, or cut off by a crash: ports are chosen anew, the data stays


def save_record(home: Home, record: Record) -> None:
    """Write the record down, whole or not at all."""
    draft = home.state.with_suffix(".new")
    draft.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    draft.replace(home.state)
