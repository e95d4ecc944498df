"""What can be wrong with a control record, told by its path, what is wrong there, and what to write instead."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import inspect

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
_LONGEST_SHOWN: Final = 80
_PLACE: Final = re.compile(r"(.*?)(?: - at (?:`key` in )?`\$(.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]")  # `[...]`, a member of a mapping, ends what can be told
_FIELD: Final = re.compile(r"`(.*)`")
_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a set of fields",
    "null": "nothing",
    "datetime": "a moment",
    "date": "a date",
}


class InvalidControlError(RejectedRecordError):
    """A control record says something that no rule can be made of; its parts are there for who has the file."""

    def __init__(self, path: Path, what: str, remedy: str, reason: Rejection = Rejection.INVALID_CONTROL) -> None:
        place = f"{path_text(path)}: " if path else ""
        super().__init__(reason, f"{place}{what}. {remedy}" if remedy else f"{place}{what}")
        self.path, self.what, self.remedy = path, what, remedy


def path_text(path: Path) -> str:
    """Return a path as people write it: spec.matchers[1]."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def shown(value: object) -> str:
    """Return a value for a message: quoted, and never long."""
    text = str(value)
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


def likely(name: str, known: list[str]) -> str | None:
    """Return the known name that was most likely meant."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.6)), None)


def from_validation(error: msgspec.ValidationError, wanted: type[msgspec.Struct], below: Path = ()) -> Exception:
    """Return what a decoder of `wanted` found wrong, as an InvalidControlError; `below` is where the struct stands."""
    found = _PLACE.fullmatch(str(error))
    message, place = (found[1], found[2] or "") if found else (str(error), "")
    inside = tuple(int(index) if index else name for name, index in _STEP.findall(place.partition("[...]")[0]))
    named = _FIELD.search(message)
    if message.startswith("Object contains unknown field") and named:
        fields = [field.encode_name for field in _fields_at(wanted, inside)]
        meant = likely(named[1], fields)
        remedy = f"Did you mean {meant}?" if meant else f"Remove it; known here: {', '.join(fields)}"
        return InvalidControlError((*below, *inside, named[1]), "is not a field", remedy)
    if message.startswith("Object missing required field") and named:
        path = (*inside, named[1])
        return InvalidControlError((*below, *path), "is missing", _advice(wanted, path, "Add"))
    return InvalidControlError((*below, *inside), _in_words(message), _advice(wanted, inside, "Write"))


def _in_words(message: str) -> str:
    """Return msgspec's message in the words of somebody who writes YAML."""

    def word(match: re.Match[str]) -> str:
        return " or ".join(_WORDS.get(part, part) for part in match[1].split(" | "))

    text = re.sub(r"`([^`]*)`", word, message)
    text = text.replace("RFC3339 encoded datetime", "moment").replace("RFC3339 encoded date", "date")
    return text[:1].lower() + text[1:]


def _advice(wanted: type[msgspec.Struct], path: Path, verb: str) -> str:
    """Return what to write at a path: what the field is for, and an example, both from its annotation."""
    about: dict[str, Any] = {}
    types: list[Any] = []
    for node in _nodes_at(inspect.type_info(wanted), path):
        if isinstance(node, inspect.Metadata):
            about = {**(node.extra_json_schema or {}), **about}
        types.append(node)
    if about:
        example = "".join(f", for example {one}" for one in about.get("examples", [])[:1])
        return f"{verb} {about['description']}{example}"
    if any(isinstance(node, inspect.StrType) for node in types):
        return f'{verb} text; in YAML, put "…" around what looks like a number or true and false'
    names = [field.encode_name for node in types if isinstance(node, inspect.StructType) for field in node.fields]
    return f"{verb} the fields {', '.join(names)}" if names else f"{verb} what is wanted there"


def _fields_at(wanted: type[msgspec.Struct], path: Path) -> tuple[inspect.Field, ...]:
    nodes = _nodes_at(inspect.type_info(wanted), path)
    return next((node.fields for node in nodes if isinstance(node, inspect.StructType)), ())


def _nodes_at(node: inspect.Type, path: Path) -> Iterator[inspect.Type]:
    """Yield the types that may stand at a path below a type, each wrapping before what it wraps."""
    if isinstance(node, inspect.Metadata):
        if not path:
            yield node
        yield from _nodes_at(node.type, path)
    elif isinstance(node, inspect.UnionType):
        for one in node.types:
            yield from _nodes_at(one, path)
    elif not path:
        yield node
    elif isinstance(node, inspect.StructType):
        for field in node.fields:
            if field.encode_name == path[0]:
                yield from _nodes_at(field.type, path[1:])
    elif isinstance(node, inspect.ListType | inspect.VarTupleType):
        yield from _nodes_at(node.item_type, path[1:])
