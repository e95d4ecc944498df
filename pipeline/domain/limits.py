"""The bounds of one alert, in bytes of UTF-8 where nothing else is said."""

from __future__ import annotations

RECORD = 256 * 1024
LABELS = 64  # how many
NAME = 256
LABEL_NAME = 256
LABEL_VALUE = 4 * 1024
FINGERPRINT = 256  # a sender's own, which becomes part of a key
ID = 256


def longer_than(text: str, limit: int) -> bool:
    """Say whether `text` takes more than `limit` bytes."""
    return len(text) > limit or (len(text) * 4 > limit and len(text.encode()) > limit)
