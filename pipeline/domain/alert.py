"""The life of one alert, as the pipeline remembers it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.domain.severity import Severity

_decode_texts: Final = msgspec.json.Decoder(dict[str, str]).decode


class Alert(msgspec.Struct, gc=False):
    """One (tenant, fingerprint): open or ended. Times are milliseconds since 1970, by the records' clock.

    Mutable on purpose: a repeat is a counter, and a million of these must fit into memory.
    """

    tenant: str
    fingerprint: str
    name: str
    severity: Severity
    open: bool
    count: int  # firing records since it opened
    starts_at: int
    last_seen: int  # the newest firing record
    last_event: int  # the newest accepted record of either status
    ends_at: int | None  # the end the sender announced, while open; the end itself, afterwards
    value: float | None
    told_at: int  # when a change or a digest last left
    told_count: int  # `count` in that record

    # Not part of the state: what the worker remembers about this object until it lets go of it.
    timer: int = 0  # the second at which somebody will look at this alert again; 0: nobody
    memo: int = 0  # its key in the table of label texts seen; 0: none
    tallied: int = 0  # `count` when metrics were last taken
    dirty: bool = False  # it has to be written
    key: bytes = b""  # of its row
    number: int = 0  # of its row: of all that is written of it, what has the highest number holds
    counted_in: bytes = b""  # the row of counters that holds; empty: its own row does

    # Part of the state again: how it stands with what suppresses.
    held: tuple[str, ...] = ()  # what suppresses it, as `suppressed_by` says
    flips: tuple[int, ...] = ()  # when it lately went from firing to resolved or back
    steady_at: int = 0  # when it is steady again, if nothing comes in between; 0: it is not flapping
    shown: bool = False  # the last record with the verdict active told that it fires

    # And not part of it.
    pulse: Any = None  # storms.Pulse: what counts its tenant's alerts

    # Part of it once more: its newest burst, see correlation/bursts.py.
    opened_at: int = 0  # its first record
    burst: int = 0  # packed: how long it is, and the pause before it

    @property
    def untold(self) -> int:
        """Return how many repeats no record has told of yet."""
        return self.count - self.told_count


class Body(msgspec.Struct, frozen=True, gc=False):
    """What a sender said of an alert in the record that last changed it."""

    labels: bytes  # the JSON text as it was sent; empty for none
    annotations: bytes  # JSON as it leaves again
    source: str | None = None
    generator_url: str | None = None
    extra: bytes | None = None  # JSON as it leaves again
    own: bool = False  # the fingerprint is the sender's own

    def texts(self) -> dict[str, str]:
        """Return the annotations."""
        return _decode_texts(self.annotations)


class Observation(msgspec.Struct, frozen=True, gc=False):
    """What one valid record says about an alert."""

    firing: bool
    severity: Severity
    at: int  # the record's timestamp, after clamping
    starts_at: int | None
    ends_at: int | None
    value: float | None


class Periods(msgspec.Struct, frozen=True):
    """The periods of an alert's life, in milliseconds."""

    digest: int = 60_000  # at most one digest of repeats per alert in this time
    resolve: int = 5 * 60_000  # without a word for this long an alert is expired
    reopen: int = 30 * 60_000  # firing again this soon after its end is the same trouble
    delivery: int = 5 * 60_000  # the same sender id within this time is one delivery
    bursts: bool = False  # whether a repeat that begins a burst is told at once
    skew: int = 5 * 60_000  # a timestamp further ahead than this is not believed
