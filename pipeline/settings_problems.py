"""What can be wrong with settings, told so that the operator can put it right without looking anything up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pipeline.settings_catalogue import PREFIX, catalogue, sections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from pipeline.settings_catalogue import Setting

Path = tuple[str, ...]
_LONGEST_VALUE_SHOWN = 80


@dataclass(frozen=True)
class Origin:
    """Where a value was written: a line of a file, a variable, or else the command line."""

    file: str | None = None
    line: int | None = None
    variable: str | None = None


@dataclass(frozen=True)
class Problem:
    """One thing to put right."""

    file: str | None
    line: int | None
    key: str
    message: str
    remedy: str
    variable: str | None = None

    def __str__(self) -> str:
        """Give the whole of it in one line."""
        where = f"{self.file}:{self.line}" if self.line else self.file or self.variable or "command line"
        key = f"{self.key} " if self.key else ""
        return f"{where}: {key}{self.message}. {self.remedy}"


def problem_at(origin: Origin, key: str, message: str, remedy: str) -> Problem:
    """Return the problem at its place."""
    return Problem(origin.file, origin.line, key, message, remedy, origin.variable)


def unknown_key(path: Path, origin: Origin) -> Problem:
    """Return the problem of a key that no setting has; its value is not shown, for it may be a secret."""
    key = ".".join(path)
    meant = _meant(path)
    if origin.variable and meant:
        remedy = f"Did you mean {PREFIX}{'__'.join(meant).upper()}?"
    elif origin.variable:
        remedy = f"Unset {origin.variable}; docs/reference/settings.md lists the variables"
    elif meant:
        remedy = f"Did you mean {'.'.join(meant)}?"
    else:
        remedy = f"Remove {key}; docs/reference/settings.md lists the settings"
    return problem_at(origin, key, "is not a setting", remedy)


def not_a_section(path: Path, origin: Origin) -> Problem:
    """Return the problem of a section that was given a value."""
    name = path[0]
    first = next(setting for other, setting in catalogue().items() if other[0] == name)
    remedy = f"Set its parts, for example {first.variable if origin.variable else first.key}"
    return problem_at(origin, name, "is a section and takes no value of its own", remedy)


def invalid_values(error: ValidationError, origins: Mapping[Path, Origin]) -> list[Problem]:
    """Return one problem for each error pydantic found."""
    settings = catalogue()
    return [_invalid(details, settings, origins) for details in error.errors(include_url=False)]


def _invalid(details: ErrorDetails, settings: Mapping[Path, Setting], origins: Mapping[Path, Origin]) -> Problem:
    path = _setting_path(details, settings)
    setting = settings[path]
    context = details.get("ctx", {})
    if details["type"] == "conflict":
        other = (*path[:-1], str(context["because"]))
        origin = origins.get(path) or origins.get(other) or origins.get(path[:-1]) or Origin()
        other_key = ".".join(other)
        remedy = f"Set {_name(setting, origin)}, or change {settings[other].variable if origin.variable else other_key}"
        if origins.get(path):
            remedy = f"Change or remove {_name(setting, origin)}, or change {other_key}"
        return problem_at(origin, setting.key, str(context["what"]), remedy)
    origin = origins.get(path, Origin())
    why = f" ({context['detail']})" if context.get("detail") and not setting.secret else ""
    return problem_at(
        origin,
        setting.key,
        f"{_given(details['input'], setting)} is not {setting.wanted}{why}",
        _remedy(setting, origin),
    )


def _setting_path(details: ErrorDetails, settings: Mapping[Path, Setting]) -> Path:
    location = tuple(str(part) for part in details["loc"])
    return location[:2] if location[:2] in settings else location[:1]


def _name(setting: Setting, origin: Origin) -> str:
    return setting.variable if origin.variable else setting.key


def _remedy(setting: Setting, origin: Origin) -> str:
    sign = "=" if origin.variable else ": "
    name = setting.variable if origin.variable else setting.path[-1]
    leave = f"unset it for the default, {setting.default}" if origin.variable else f"the default is {setting.default}"
    write = "Set" if origin.variable else "Write"
    return f"{write} for example {name}{sign}{setting.example}" + (f"; {leave}" if setting.default else "")


def _given(value: object, setting: Setting) -> str:
    """Return the value for the message: never a secret, nothing that could hold one, never long."""
    if setting.secret:
        return "(the value is not shown)"
    if isinstance(value, dict):
        return "(a section)"
    if isinstance(value, list | tuple):
        return "(a list)"
    text = re.sub(r"[^\s,/]*@", "***@", str(value))  # user:password@host
    return repr(text if len(text) <= _LONGEST_VALUE_SHOWN else text[:_LONGEST_VALUE_SHOWN] + "…")


def _meant(path: Path) -> Path | None:
    """Return the path of the setting that was most likely meant."""
    known = [*catalogue(), *((section,) for section in sections())]
    same_name = [other for other in known if other[-1] == path[-1]]
    if len(same_name) == 1:
        return same_name[0]
    # CORE_ALERTS_WEB_PORT and web_port mean web.port, so both separators are one here.
    by_text = {"_".join(other): other for other in known}
    inside = {text: other for text, other in by_text.items() if other[:-1] == path[:-1]}
    for candidates, likeness in ((inside, 0.6), (by_text, 0.75)):
        if close := get_close_matches("_".join(path), candidates, n=1, cutoff=likeness):
            return candidates[close[0]]
    return None
