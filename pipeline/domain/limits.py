"""The bounds of one alert, in bytes of UTF-8 where nothing else is said."""

from __future__ import annotations

import re

RECORD = 256 * 1024
DEPTH = 500  # how deep a record may be nested; far less than what a parser's own stack bears
LABELS = 64  # how many
NAME = 256
LABEL_NAME = 256
LABEL_VALUE = 4 * 1024
FINGERPRINT = 256  # a sender's own, which becomes part of a key
ID = 256


_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def depth_of(json: bytes) -> int:
    """Return how deep a JSON text is nested, whether or not it is valid otherwise."""
    deepest = depth = 0
    for token in _BRACKETS.findall(json):
        if token in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"]}":
            depth -= 1
    return deepest


def too_deep(json: bytes) -> bool:
    """Say whether a JSON text is nested deeper than it may be."""
    if len(json) <= DEPTH or json.count(b"[") + json.count(b"{") <= DEPTH:
        return False
    return depth_of(json) > DEPTH


def longer_than(text: str, limit: int) -> bool:
    """Say whether `text` takes more than `limit` bytes."""
    return len(text) > limit or (len(text) * 4 > limit and len(text.encode()) > limit)
