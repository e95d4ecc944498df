"""The settings by dotted key: what can be set, under which variable, to what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from pipeline.settings_fields import Kind, show_with
from pipeline.settings_schema import Section, Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PREFIX = "CORE_ALERTS_"
DELIMITER = "__"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
CACHE_VARIABLE = f"{PREFIX}CACHE_DIR"  # where the development broker keeps its downloads; read by pipeline/dev


@dataclass(frozen=True)
class Setting:
    """One setting as operators see it."""

    path: tuple[str, ...]
    wanted: str
    example: str
    default: str | None
    description: str
    secret: bool

    @property
    def key(self) -> str:
        """The dotted key, as in web.port."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The environment variable, as in CORE_ALERTS_WEB__PORT."""
        return PREFIX + DELIMITER.join(self.path).upper()


@cache
def sections() -> dict[str, type[Section]]:
    """Return the sections by name, in the order of the file."""
    found = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found[name] = field.annotation
    return found


@cache
def catalogue() -> dict[tuple[str, ...], Setting]:
    """Return every setting that a file or the environment can set, by path, in the order of the file."""
    nested = sections()
    found = [
        _setting((name,), field)
        for name, field in Settings.model_fields.items()
        if name not in nested and name != "config"  # a file cannot say which file it is
    ]
    for section, model in nested.items():
        found += [_setting((section, name), field) for name, field in model.model_fields.items()]
    return {setting.path: setting for setting in found}


def _setting(path: tuple[str, ...], field: FieldInfo) -> Setting:
    kind = _kind(field)
    wanted, example = (kind.wanted, kind.example) if kind else _plain(field)
    default = field.get_default()
    return Setting(
        path=path,
        wanted=wanted,
        example=example,
        default=None if default is None or default is PydanticUndefined else show_with(kind, default),
        description=field.description or "",
        secret=SecretStr in _types(field.annotation),
    )


def _kind(field: FieldInfo) -> Kind | None:
    """Return the kind in the field's annotation, also inside `Annotated[...] | None`."""
    inside = [item for option in get_args(field.annotation) for item in getattr(option, "__metadata__", ())]
    return next((item for item in [*field.metadata, *inside] if isinstance(item, Kind)), None)


def _plain(field: FieldInfo) -> tuple[str, str]:
    """Return (wanted, example) of a field whose type says it all."""
    if get_origin(field.annotation) is Literal:
        choices = [str(choice) for choice in get_args(field.annotation)]
        return f"one of {', '.join(choices)}", choices[-1]
    if bool in _types(field.annotation):
        return "true or false", "true"
    return "text", "change-me" if SecretStr in _types(field.annotation) else "alerts"


def _types(annotation: object) -> tuple[object, ...]:
    return tuple(option for option in get_args(annotation) or (annotation,) if option is not NoneType)
