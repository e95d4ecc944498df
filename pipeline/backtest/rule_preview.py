"""A rule that is not made yet, put beside those that are: what a preview of it runs with."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.backtest.run import Rules
from pipeline.control.folder import read_file
from pipeline.domain.errors import ConfigurationError
from pipeline.domain.timestamps import to_text
from pipeline.replay_control import first_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.control.folder import RuleDocument
    from pipeline.exchange import Line
    from pipeline.replay_control import ControlInput

KINDS: Final = ("silence", "maintenance_window", "inhibit_rule")
_TIMES: Final = ("starts_at", "ends_at", "recurs")
_FIVE_YEARS: Final = 5 * 365 * 24 * 3600 * 1000  # ms; twice that is as long as a rule may last


def read_rule(file: Path) -> RuleDocument:
    """Return the one rule of a YAML file, a silence, a maintenance window or an inhibit rule.

    Raises:
        ConfigurationError: if the file has problems, or not exactly one such rule.
    """
    found = read_file(file)
    if found.problems:
        raise ConfigurationError("\n".join(map(str, found.problems)))
    rules = list(found.rules.values())
    if len(rules) != 1 or rules[0].key.kind not in KINDS:
        there = ", ".join(str(rule.key) for rule in rules) or "none"
        raise ConfigurationError(
            f"{file} has to hold one rule of kind {', '.join(KINDS)}; it has {there}. To compare more than one rule, "
            "give a whole folder with --candidate."
        )
    return rules[0]


def with_rule(rules: Rules, document: RuleDocument, *, active_around: int | None) -> Rules:
    """Return `rules` and one more, which takes the place of the one with its id.

    A silence or a window is active for five years before and after `active_around` (ms), whatever it says and however
    long one may be; None takes it as it is scheduled.
    """
    key, control, defaults = document.key, rules.control.without(document.key), rules.defaults
    if active_around is not None and key.kind != "inhibit_rule":
        document = replace(document, spec=_active(document.spec, active_around))
        control = control.changed(lambda record: _without_limit(record, key.tenant_id))
        tenant = msgspec.structs.replace(defaults.tenant, max_silence=None)
        defaults = msgspec.structs.replace(defaults, tenant=tenant)
    return Rules(control.having(first_version(document)), defaults)


def beginning(lines: Iterator[Line]) -> tuple[int | None, Iterator[Line]]:
    """Return when the first of these alerts was, None if none says so, and all of them again."""
    seen: list[Line] = []
    for line in lines:
        seen.append(line)
        if line.timestamp is not None:
            return line.timestamp, chain(seen, lines)
    return None, iter(seen)


def _active(spec: bytes, around: int) -> bytes:
    said: dict[str, Any] = msgspec.json.decode(spec)
    kept = {name: one for name, one in said.items() if name not in _TIMES}
    first, last = max(around - _FIVE_YEARS, 0), around + _FIVE_YEARS
    return msgspec.json.encode({**kept, "starts_at": to_text(first), "ends_at": to_text(last)})


def _without_limit(record: ControlInput, tenant: str) -> ControlInput:
    """Return a tenant's policy without its limit to the length of silences, and any other record as it is."""
    if record.key != f"{tenant}/tenant/{tenant}".encode() or record.value is None:
        return record
    try:
        said: dict[str, Any] = msgspec.json.decode(record.value)
        said["spec"].pop("max_silence", None)
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError):
        return record  # no worker takes it either
    return replace(record, value=msgspec.json.encode(said))
