"""What a simple rule would have said of the same alerts: the least that a model has to beat."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from pipeline.evaluation.labelled import Labelled

GAP_MS: Final = 2_000
_SEED: Final = 42


class Glance(msgspec.Struct):
    """What a simple rule looks at."""

    name: str = ""
    labels: dict[str, str] = {}
    source: str | None = None


_glance = msgspec.json.Decoder(Glance).decode


def glances(alerts: Iterable[Labelled]) -> list[Glance]:
    """Return what a simple rule sees of each alert; of one that cannot be read, nothing."""
    found = []
    for alert in alerts:
        try:
            found.append(_glance(alert.line.value or b""))
        except msgspec.MsgspecError:
            found.append(Glance())
    return found


def place_of(seen: Glance) -> str:
    """Return where an alert is from: its host, instance or entity."""
    labels = seen.labels
    return labels.get("host") or labels.get("instance") or labels.get("entity") or ""


def time_gap(
    times: Sequence[int], seen: Sequence[Glance], gap_ms: int, place: Callable[[Glance], Hashable]
) -> list[int]:
    """Return a group for each alert: that of the one before at the same place, unless more than the gap ago."""
    last: dict[Hashable, tuple[int, int]] = {}
    groups, count = [], 0
    for at, one in zip(times, seen, strict=True):
        where = place(one)
        before = last.get(where)
        if before is None or at - before[0] > gap_ms:
            count += 1
            group = count
        else:
            group = before[1]
        last[where] = at, group
        groups.append(group)
    return groups


def earliest(members: Sequence[Glance]) -> list[str]:
    """Return the entities of an incident in the order in which their first alerts came."""
    return list(dict.fromkeys(filter(None, map(place_of, members))))


def by_chance(members: Sequence[Glance], incident: str) -> list[str]:
    """Return them in a random order, the same on every run."""
    found = sorted(earliest(members))
    random.Random(f"{_SEED} {incident}").shuffle(found)  # noqa: S311 - a baseline, no secret
    return found
