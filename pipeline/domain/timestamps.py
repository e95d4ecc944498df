"""Time inside the pipeline is an int: milliseconds since 1970 in UTC, as in a Kafka record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Go's zero time, which Alertmanager sends where there is no end.
_UNSET_YEAR = 1
# The last millisecond that a datetime can hold; an offset such as -23:59 can name a later one.
LATEST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MILLISECOND


def to_ms(moment: datetime | None) -> int | None:
    """Return `moment` in milliseconds, rounded down, `LATEST` at most; None for None and for Go's zero time."""
    if moment is None or moment.year == _UNSET_YEAR:
        return None
    since = (moment - EPOCH) // _MILLISECOND
    return since if since < LATEST else LATEST


@lru_cache(maxsize=1024)  # alerts that start together are told together
def to_datetime(ms: int) -> datetime:
    """Return the moment `ms` milliseconds after 1970 in UTC."""
    return EPOCH + timedelta(milliseconds=ms)


def to_text(ms: int) -> str:
    """Return `ms` as RFC 3339 in UTC, with a fraction only where there is one."""
    moment = to_datetime(ms)
    digits = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}{digits}Z"
