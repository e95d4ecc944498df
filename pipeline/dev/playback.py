"""Recorded alert episodes as the stream of records a Prometheus server would have sent for them."""

from __future__ import annotations

import gzip
import heapq
import math
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SAMPLE = Path(__file__).parent / "sample" / "fault_alerts.jsonl.gz"
RESEND = timedelta(seconds=60)
NO_SHIFT = timedelta(0)
SWING = 0.05  # how far a played value wanders from the recorded one
SENDS_PER_SWING = 20

Record = tuple[int, str, bytes]


class Episode(msgspec.Struct, frozen=True, omit_defaults=True):
    """One alert from its start to its end; what the truth about it is, in `extra`, is not sent."""

    tenant_id: str
    name: str
    starts_at: datetime
    ends_at: datetime
    severity: str = "warning"
    labels: msgspec.Raw = msgspec.Raw(b"{}")
    annotations: msgspec.Raw = msgspec.Raw(b"{}")
    source: str | None = None
    value: float | None = None
    extra: dict[str, dict[str, Any]] = {}


class Sent(msgspec.Struct, omit_defaults=True):
    """An episode as one record tells it (alerts.raw, version 1)."""

    tenant_id: str
    name: str
    severity: str
    status: str
    labels: msgspec.Raw
    annotations: msgspec.Raw
    starts_at: datetime
    ends_at: datetime | None = None
    source: str | None = None
    value: float | None = None


def read_episodes(path: Path = SAMPLE) -> list[Episode]:
    """Return the episodes of a JSON-lines file (.jsonl or .jsonl.gz), ordered by start."""
    decode = msgspec.json.Decoder(Episode).decode
    try:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read the recorded alerts in {path}: {error}. Check the path.") from error
    episodes = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            episodes.append(decode(line))
        except msgspec.MsgspecError as error:
            raise ConfigurationError(f"{path}, line {number}: {error}. Correct or remove the line.") from error
    return sorted(episodes, key=start_of)


def start_of(episode: Episode) -> datetime:
    """Return when the episode starts."""
    return episode.starts_at


def recorded_day(episodes: Iterable[Episode], hours: float = 24.0) -> list[Episode]:
    """Return each tenant's busiest `hours`, moved so that all tenants begin together, ordered by start.

    Busiest is the window in which most episodes start; the earliest of equals. The tenant that was recorded
    last keeps its time.
    """
    by_tenant: dict[str, list[Episode]] = defaultdict(list)
    for episode in episodes:
        by_tenant[episode.tenant_id].append(episode)
    windows = [busiest(own, timedelta(hours=hours)) for own in by_tenant.values()]
    begin = max((window[0].starts_at for window in windows), default=None)
    if begin is None:
        return []
    moved = [shifted(episode, begin - window[0].starts_at) for window in windows for episode in window]
    return sorted(moved, key=start_of)


def busiest(episodes: Sequence[Episode], length: timedelta) -> Sequence[Episode]:
    """Return the most episodes that start within `length` of each other; they come ordered by start."""
    first, best = 0, (0, 0)
    for last, episode in enumerate(episodes):
        while episode.starts_at - episodes[first].starts_at >= length:
            first += 1
        if last + 1 - first > best[1] - best[0]:
            best = (first, last + 1)
    return episodes[slice(*best)]


def shifted(episode: Episode, by: timedelta) -> Episode:
    """Return the episode `by` later."""
    return msgspec.structs.replace(episode, starts_at=episode.starts_at + by, ends_at=episode.ends_at + by)


def shift_to_end_at(episodes: Iterable[Episode], moment: datetime) -> timedelta:
    """Return the shift with which the last episode ends at `moment`, so that nothing lies in the future."""
    last = max((episode.ends_at for episode in episodes), default=moment)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000) - last


def record_count(episodes: Iterable[Episode], resend: timedelta = RESEND) -> int:
    """Return how many records `play` makes of the episodes."""
    return sum(firing_count(episode, resend) + 1 for episode in episodes)


def firing_count(episode: Episode, resend: timedelta) -> int:
    """Return how often an episode is sent as firing: at its start and each `resend` until before its end."""
    return max(1, math.ceil((episode.ends_at - episode.starts_at) / resend))


def play(episodes: Iterable[Episode], *, resend: timedelta = RESEND, shift: timedelta = NO_SHIFT) -> Iterator[Record]:
    """Yield (epoch ms, tenant, alerts.raw JSON) in time order: every open alert each `resend`, then resolved once.

    `episodes` come ordered by start and are read as they are due, so memory grows with the alerts that are open.
    At the same millisecond an end precedes a start, so that an alert which ends and starts anew is open once.
    """
    due: list[tuple[int, int, int, Episode, int]] = []  # when, end before start, arrival, what, sends so far
    for arrival, recorded in enumerate(episodes):
        episode = shifted(recorded, shift)
        start = epoch_ms(episode.starts_at)
        while due and due[0][:2] < (start, 1):
            yield send_next(due, resend)
        heapq.heappush(due, (start, 1, arrival, episode, 0))
    while due:
        yield send_next(due, resend)


def send_next(due: list[tuple[int, int, int, Episode, int]], resend: timedelta) -> Record:
    """Return the record that is due first, and note when its alert is due again."""
    when, _, arrival, episode, sends = due[0]
    if sends == firing_count(episode, resend):
        heapq.heappop(due)
        return when, episode.tenant_id, encode(episode, "resolved", episode.ends_at, sends)
    sends += 1
    if sends < firing_count(episode, resend):
        following = (epoch_ms(episode.starts_at + sends * resend), 1, arrival, episode, sends)
    else:
        following = (max(when, epoch_ms(episode.ends_at)), 0, arrival, episode, sends)
    heapq.heapreplace(due, following)
    return when, episode.tenant_id, encode(episode, "firing", None, sends - 1)


def encode(episode: Episode, status: str, ends_at: datetime | None, sends: int) -> bytes:
    """Return one record of an episode that was sent `sends` times before."""
    value = episode.value
    if value is not None:
        value = round(value * (1 + SWING * math.sin(2 * math.pi * sends / SENDS_PER_SWING)), 6)
    return msgspec.json.encode(
        Sent(
            tenant_id=episode.tenant_id,
            name=episode.name,
            severity=episode.severity,
            status=status,
            labels=episode.labels,
            annotations=episode.annotations,
            starts_at=episode.starts_at,
            ends_at=ends_at,
            source=episode.source,
            value=value,
        )
    )


def epoch_ms(moment: datetime) -> int:
    """Return a moment as Kafka's timestamps count it."""
    return round(moment.timestamp() * 1000)
