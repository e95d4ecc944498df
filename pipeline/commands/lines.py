"""One record as one line for a person."""

from collections.abc import Sequence

import msgspec

from pipeline.commands.context import printable
from pipeline.domain.timestamps import to_text

_SHOWN = 300  # characters of a value that is shown as it is
_NEVER = "-"


class _Decision(msgspec.Struct):
    reason: str


class _Change(msgspec.Struct):
    """What a line says of a record of alerts.enriched."""

    tenant_id: str
    name: str
    severity: str
    change: str
    count: int
    labels: dict[str, str]
    decisions: list[_Decision]


_change = msgspec.json.Decoder(_Change).decode


def describe(
    topic: str,
    timestamp: int | None,
    key: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    value: bytes | None,
) -> str:
    """Return when a record was, whose it is and what it says; nothing in it can steer a terminal."""
    when = _NEVER if timestamp is None or timestamp < 0 else to_text(timestamp)
    whose = (key or _NEVER.encode()).decode(errors="replace")
    if topic == "alerts.enriched" and value is not None:
        try:
            return printable(f"{when}  {change_text(value)}")
        except msgspec.MsgspecError:
            pass  # somebody else's record: shown as it is
    shown = "(no value)" if value is None else value[:_SHOWN].decode(errors="replace")
    if topic == "alerts.dlq":
        told = {name: (text or b"").decode(errors="replace") for name, text in headers}
        why = f"{told.get('reason', _NEVER)}: {told.get('detail', '')}"
        return printable(f"{when}  {whose}  {why}  from {told.get('origin', _NEVER)}  {shown}")
    return printable(f"{when}  {whose}  {shown}")


def change_text(value: bytes) -> str:
    """Return tenant, change, severity, name, labels, count and reason of a change.

    Raises msgspec.MsgspecError where the value is none.
    """
    seen = _change(value)
    labels = ", ".join(f'{name}="{text}"' for name, text in sorted(seen.labels.items()))
    reasons = ", ".join(decision.reason for decision in seen.decisions)
    return f"{seen.tenant_id}  {seen.change:<16} {seen.severity:<8} {seen.name}  {{{labels}}}  {seen.count}×  {reasons}"
