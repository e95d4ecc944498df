"""Sizes in bytes as operators write them: 64MiB, 1.5GiB, 500kB, or plain bytes."""

from __future__ import annotations

import re

_UNITS = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s?([a-z]*)", re.IGNORECASE)


def parse_size(value: object) -> int:
    """Return the number of bytes `value` stands for; raise ValueError for anything that is not a size."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write 64MiB, 500kB or plain bytes")
    number, unit = found.groups()
    scale = _UNITS.get(unit.lower() or "b")
    if scale is None:
        raise ValueError(f"the unit {unit} is not known")
    return round(float(number) * scale)


def format_size(size: int) -> str:
    """Return `size` in the largest binary unit that divides it, such as 64MiB."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size and size % scale == 0:
            return f"{size // scale}{unit}"
    return str(size)
