"""The variables CORE_ALERTS_… as values; two underscores stand between a section and its setting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.settings_catalogue import CACHE_VARIABLE, CONFIG_VARIABLE, DELIMITER, PREFIX
from pipeline.settings_problems import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_SETTINGS = {CONFIG_VARIABLE, CACHE_VARIABLE}
# Kubernetes tells every pod about a Service named core-alerts… in variables that look like ours.
_SERVICE_LINK = re.compile(
    r"(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, object], dict[tuple[str, ...], Origin]]:
    """Return the values by section, and each one's variable; an empty variable counts as unset."""
    values: dict[str, object] = {}
    origins: dict[tuple[str, ...], Origin] = {}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable in _NOT_SETTINGS or not value:
            continue
        if _is_service_link(variable.removeprefix(PREFIX), value):
            continue
        section, _, rest = variable.removeprefix(PREFIX).lower().partition(DELIMITER)
        path = (section, rest) if rest else (section,)
        origins[path] = Origin(variable=variable)
        if not rest:
            values[section] = value
            continue
        inside = values.setdefault(section, {})
        if isinstance(inside, dict):
            inside[rest] = value
    return values, origins


def _is_service_link(name: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(name):
        return True
    return name.endswith("PORT") and _SERVICE_ADDRESS.match(value) is not None
