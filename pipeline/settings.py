"""Settings from a YAML file, CORE_ALERTS_… variables over it, and the command line over both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.domain.errors import ConfigurationError
from pipeline.settings_catalogue import CONFIG_VARIABLE, catalogue, sections
from pipeline.settings_environment import read_environment
from pipeline.settings_file import SettingsFile, read_settings_file
from pipeline.settings_problems import Origin, Problem, invalid_values, not_a_section, unknown_key
from pipeline.settings_schema import Ingest, Kafka, Log, MetricsSection, Settings, Web, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Ingest",
    "Kafka",
    "Log",
    "MetricsSection",
    "Problem",
    "Settings",
    "Web",
    "Worker",
    "check_config",
    "load_settings",
]

Origins = dict[tuple[str, ...], Origin]


def load_settings(
    config: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None
) -> Settings:
    """Return the settings; raise ConfigurationError with a line for each thing that is wrong.

    `config` is the file of --config, else CORE_ALERTS_CONFIG names it, else there is none. `overrides` come from
    the command line, by dotted key such as web.port; None among them means not given.
    """
    settings, problems = _load(config, environ, overrides or {})
    if settings is None:
        raise ConfigurationError("\n".join(str(problem) for problem in problems))
    return settings


def check_config(path: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Return everything that is wrong with the file at `path`, together with the variables set over it."""
    return _load(path, environ, {})[1]


def _load(
    config: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> tuple[Settings | None, list[Problem]]:
    """Return the settings, or None and why."""
    if config is None and environ.get(CONFIG_VARIABLE):
        config = Path(environ[CONFIG_VARIABLE])
    file = read_settings_file(config) if config else SettingsFile()
    problems = list(file.problems)
    merged: dict[str, object] = {}
    origins: Origins = {}
    for values, places in ((file.values, file.origins), read_environment(environ), _nested(overrides)):
        known, wrong = _known_keys(values, places)
        problems += wrong
        _lay_over(merged, known)
        origins |= places
    try:
        settings = Settings.model_validate(merged | {"config": config})
    except ValidationError as exc:
        problems += invalid_values(exc, origins)
        return None, _in_reading_order(problems)
    return (None if problems else settings), _in_reading_order(problems)


def _nested(overrides: Mapping[str, object]) -> tuple[dict[str, object], Origins]:
    """Return the overrides as a file would hold them."""
    values: dict[str, object] = {}
    origins: Origins = {}
    for key, value in overrides.items():
        if value is None:
            continue
        section, _, name = key.partition(".")
        origins[(section, name) if name else (section,)] = Origin()
        _lay_over(values, {section: {name: value}} if name else {section: value})
    return values, origins


def _known_keys(values: Mapping[str, object], origins: Origins) -> tuple[dict[str, object], list[Problem]]:
    """Return the values that belong to a setting, and a problem for each that does not."""
    settings, nested = catalogue(), sections()
    known: dict[str, object] = {}
    problems = []
    for key, value in values.items():
        if key not in nested and (key,) not in settings:
            problems += [unknown_key(path, origin) for path, origin in _written(key, value, origins)]
        elif key not in nested:
            known[key] = value
        elif not isinstance(value, dict):
            problems.append(not_a_section((key,), origins.get((key,), Origin())))
        else:
            known[key] = {name: inner for name, inner in value.items() if (key, name) in settings}
            wrong = [(key, name) for name in value if (key, name) not in settings]
            problems += [unknown_key(path, origins.get(path, Origin())) for path in wrong]
    return known, problems


def _written(key: str, value: object, origins: Origins) -> list[tuple[tuple[str, ...], Origin]]:
    """Return what was written under an unknown first key: the key's own line, or each variable that starts so."""
    if (key,) in origins:
        return [((key,), origins[key,])]
    names = value if isinstance(value, dict) else {}
    return [((key, name), origins.get((key, name), Origin())) for name in names]


def _lay_over(below: dict[str, object], above: Mapping[str, object]) -> None:
    """Put the values of `above` into `below`, section by section."""
    for key, value in above.items():
        inside = below.get(key)
        if isinstance(inside, dict) and isinstance(value, dict):
            inside.update(value)
        else:
            below[key] = dict(value) if isinstance(value, dict) else value


def _in_reading_order(problems: list[Problem]) -> list[Problem]:
    """Return the file's problems by line, then the variables', then the command line's."""
    return sorted(problems, key=lambda found: (found.file is None, found.line or 0, found.variable is None, found.key))
