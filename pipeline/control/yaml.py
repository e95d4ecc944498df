"""YAML documents as JSON values with the line of each part, and such values as YAML again.

What differs between versions of YAML is not guessed. Numbers are those of JSON, booleans are true and false, a date
or a time stays text, and a bare yes, no, on or off is an error. Without anchors, aliases and tags a small file
cannot unfold into a large one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.schemas.control_problems import Path

_DEEPEST: Final = 16
_NULLS: Final = {"", "~", "null", "Null", "NULL"}
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_AMBIGUOUS: Final = {"yes", "no", "on", "off"}
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_SEXAGESIMAL: Final = re.compile(r"[0-9]+:[0-9]")  # 02:00, to readers of YAML 1.1 the number 120
# The parser in C is ten times as fast; some installations of PyYAML have none.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(Exception):
    """The text cannot be understood from `line` on."""

    def __init__(self, line: int, what: str, remedy: str) -> None:
        super().__init__(f"line {line}: {what}. {remedy}")
        self.line, self.what, self.remedy = line, what, remedy


@dataclass
class YamlDocument:
    """One document of a file."""

    value: object
    line: int
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[YamlError] = field(default_factory=list)
    """What is wrong with it although its structure is clear."""
    deepest: int = _DEEPEST

    def line_of(self, path: Path) -> int:
        """Return the line of a path, or of the nearest that is there and has it inside."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)


def read_documents(text: str, deepest: int = _DEEPEST) -> Iterator[YamlDocument]:
    """Yield the documents of a file, nested `deepest` levels at most; empty ones are left out.

    Raises:
        YamlError: at the first line that cannot be understood, after the documents before it.
    """
    try:
        yield from _documents(yaml.parse(text, Loader=_LOADER), deepest)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"is not YAML: {error.problem or error.context}"
        raise YamlError(mark.line + 1 if mark else 1, what, "Mend this line, or the one before it") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, "has a character that YAML does not allow", "Remove control characters") from None


def _documents(events: Iterator[yaml.Event], deepest: int) -> Iterator[YamlDocument]:
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            first = next(events)
            document = YamlDocument(None, _line(first), deepest=deepest)
            document.value = _node(first, events, (), document)
            if document.value is not None:
                yield document


def _node(event: yaml.Event, events: Iterator[yaml.Event], path: Path, into: YamlDocument) -> object:
    line = _line(event)
    into.lines.setdefault(path, line)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise YamlError(line, "uses an anchor (&) or alias (*)", "Write the value out, or put it in quotes")
    if getattr(event, "tag", None) is not None:
        raise YamlError(line, "uses a tag (!)", "Remove the tag, or put the value in quotes")
    if len(path) > into.deepest:
        raise YamlError(line, f"is nested more than {into.deepest} levels deep", "Nest less; no rule needs so many")
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, path, into)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[object] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_node(item, events, (*path, len(items)), into))
        return items
    assert isinstance(event, yaml.ScalarEvent)  # noqa: S101 - the parser sends nothing else here
    if not event.style and event.value.lower() in _AMBIGUOUS:
        what = f"`{event.value}` without quotes is a boolean to some readers and text to others"
        into.problems.append(YamlError(line, what, f'Write true or false, or "{event.value}" for the text'))
    return event.value if event.style else meaning(event.value)


def _mapping(events: Iterator[yaml.Event], path: Path, into: YamlDocument) -> dict[str, object]:
    values: dict[str, object] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        line = _line(event)
        if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
            raise YamlError(line, "has a key that is not a name", "Write key: value")
        key = event.value
        if key in values:
            first = into.lines[(*path, key)]
            what = f"{key} is set on line {first} already"
            into.problems.append(YamlError(line, what, f"Remove this line or line {first}"))
        into.lines[(*path, key)] = line
        values[key] = _node(next(events), events, (*path, key), into)
    return values


def meaning(text: str) -> object:
    """Return the value of an unambiguous plain scalar: nothing, a boolean, a number, else the text itself."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Dumper(yaml.SafeDumper):
    """Writes what `read_documents` reads back, and what other readers of YAML read alike."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Set lists in by two, as people write them."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        """Write a value out as often as it occurs."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    clear = isinstance(meaning(text), str) and text.lower() not in _AMBIGUOUS and not _SEXAGESIMAL.match(text)
    if not clear or not text.replace("\n", "").isprintable():
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def write_document(value: object) -> str:
    """Return a JSON value as YAML, members in the order they have."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text
