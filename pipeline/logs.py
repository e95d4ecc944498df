"""Logging: one JSON object a line on stderr, for our own loggers and for those of the libraries alike."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Literal, TextIO

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "***"
_SENSITIVE = r"(?:passw(?:or)?d|passphrase|secret|token|sasl|credential|authorization|api_?key|private_?key|cookie)"
_SECRET_KEY = re.compile(_SENSITIVE, re.IGNORECASE)
# password=…, "token": "…", Authorization: Bearer …, and the user:password@ of an address.
_SECRET_IN_TEXT = re.compile(
    rf"""(?P<key>{_SENSITIVE}[\w.-]{{0,40}}["']?\s{{0,3}}[=:]\s{{0,3}})(?:"[^"]*"|'[^']*'|(?:(?:Bearer|Basic)\s+)?[^\s,;)}}\]"']+)"""
    r"|(?P<scheme>://)[^\s/@]+@",
    re.IGNORECASE,
)
# Faust's watchdog compares the wall clock with a monotonic one, and counts acks that a batch consumer never gives.
_FALSE_ALARMS = (
    "Aiokafka has not sent fetch request",
    "Aiokafka stopped fetching from",
    "Has not committed",
)
_LAYOUT = ("ts", "level", "event", "logger")
_DEEPEST = 6


def configure_logging(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["json", "console"] = "json",  # noqa: A002 - the setting's name
    stream: TextIO | None = None,
) -> None:
    """Send all logging of this process to `stream` (stderr by default); a second call replaces the first."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    handler = _Handler(stream or sys.stderr)
    handler.addFilter(is_worth_showing)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()], processors=_rendering(format)
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # a later call may change the level
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


def is_worth_showing(record: logging.LogRecord) -> bool:
    """Say whether a record is anything but one of Faust's known false alarms."""
    return not (record.name.startswith("faust") and any(alarm in str(record.msg) for alarm in _FALSE_ALARMS))


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return the event with everything that looks like a secret replaced, at any depth."""
    return {key: REDACTED if _SECRET_KEY.search(key) else _clean(value, 0) for key, value in event.items()}


class _Handler(logging.StreamHandler[TextIO]):
    """Our handler, told apart from those that others put beside it."""


def _rendering(format: str) -> list[Processor]:  # noqa: A002 - the setting's name
    remove_meta: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    # Exceptions become text before the search for secrets. Prettier tracebacks would show local variables.
    plain = structlog.dev.plain_traceback
    renderers: dict[str, list[Processor]] = {
        "json": [_in_layout, structlog.processors.JSONRenderer(default=repr)],
        "console": [structlog.dev.ConsoleRenderer(timestamp_key="ts", colors=False, exception_formatter=plain)],
    }
    return [
        remove_meta,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
        *renderers[format],
    ]


def _in_layout(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return the event with the same four keys first, so that lines can be read with the eyes too."""
    first = {key: event[key] for key in _LAYOUT if key in event}
    return first | {key: value for key, value in event.items() if key not in first}


def _clean(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _SECRET_IN_TEXT.sub(_mask, value)
    if depth >= _DEEPEST:
        return "…" if isinstance(value, dict | list | tuple) else value
    if isinstance(value, dict):
        return _clean_mapping(value, depth + 1)
    if isinstance(value, list | tuple):
        return [_clean(item, depth + 1) for item in value]
    return value


def _clean_mapping(values: Mapping[object, object], depth: int) -> dict[str, object]:
    cleaned = {}
    for key, value in values.items():
        cleaned[str(key)] = REDACTED if _SECRET_KEY.search(str(key)) else _clean(value, depth)
    return cleaned


def _mask(found: re.Match[str]) -> str:
    if found["scheme"]:
        return f"://{REDACTED}@"
    return f"{found['key']}{REDACTED}"
