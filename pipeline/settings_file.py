"""A YAML file as text values with the line of each; every scalar counts as written, like a variable's value.

Read as text, a password of 0123 stays 0123, and a group called `on` stays a name. Anchors and aliases are not
taken, so a small file cannot unfold into a large one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from pipeline.settings_problems import Origin, Problem, problem_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_FILE = 2**20
_DEEPEST = 8  # settings need two levels; the rest is for a clear error
_UNSET = {"", "~", "null", "Null", "NULL"}
_EXAMPLE = "core-alerts.example.yml shows a file that works"


@dataclass
class SettingsFile:
    """What a file says, and what is wrong with how it says it."""

    values: dict[str, object] = field(default_factory=dict)
    origins: dict[tuple[str, ...], Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class _UnreadableError(Exception):
    """The rest of the file cannot be understood."""

    def __init__(self, line: int, message: str, remedy: str) -> None:
        super().__init__(message)
        self.line, self.message, self.remedy = line, message, remedy


def read_settings_file(path: Path) -> SettingsFile:
    """Return the values of the file at `path`; whatever is wrong is in `problems`, nothing is raised."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as exc:
        remedy = "Give the path of a YAML file that this user can read"
        return _failed(path, 0, f"cannot be read: {exc.strerror or exc}", remedy)
    if len(data) > LARGEST_FILE:
        return _failed(path, 0, f"is larger than {LARGEST_FILE // 2**20} MiB", f"Keep settings only; {_EXAMPLE}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        return _failed(path, line, "is not UTF-8", "Save the file as UTF-8")
    return parse_settings_file(text, path)


def parse_settings_file(text: str, path: Path) -> SettingsFile:
    """Return the values in `text`, which came from `path`."""
    reader = _Reader(path)
    try:
        reader.read(yaml.parse(text, Loader=yaml.SafeLoader))
    except _UnreadableError as exc:
        return _failed(path, exc.line, exc.message, exc.remedy)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        # The exception's own text quotes the line, which may hold a password.
        what = re.sub(r"'(?!<)[^']{2,}'", "something", exc.problem or "cannot be understood")
        return _failed(path, mark.line + 1 if mark else 1, f"is not YAML: {what}", f"Mend this line; {_EXAMPLE}")
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        return _failed(path, line, "has a character that YAML does not allow", "Remove control characters")
    return reader.result


def _failed(path: Path, line: int, message: str, remedy: str) -> SettingsFile:
    return SettingsFile(problems=[Problem(str(path), line or None, "", message, remedy)])


class _Reader:
    """Builds values from YAML events, which come one by one however the file is nested."""

    def __init__(self, path: Path) -> None:
        self._file = str(path)
        self.result = SettingsFile()

    def read(self, events: Iterator[yaml.Event]) -> None:
        next(events)  # the start of the stream
        if isinstance(next(events), yaml.StreamEndEvent):
            return
        root = self._node(next(events), events, ())
        next(events)  # the end of the document
        if not isinstance(after := next(events), yaml.StreamEndEvent):
            raise _UnreadableError(_line(after), "starts a second document", "Keep one document; remove the ---")
        if isinstance(root, dict):
            self.result.values = root
        elif root is not None:
            raise _UnreadableError(1, "is not a set of keys", f"Write key: value lines; {_EXAMPLE}")

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: tuple[str, ...]) -> object:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _UnreadableError(line, "uses an anchor (&) or alias (*)", "Write the value out, or put it in quotes")
        if getattr(event, "tag", None) is not None:
            raise _UnreadableError(line, "uses a tag (!)", "Remove the tag, or put the value in quotes")
        if len(path) > _DEEPEST:
            raise _UnreadableError(
                line, f"is nested more than {_DEEPEST} levels deep", f"Settings have two levels; {_EXAMPLE}"
            )
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[object] = []
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                items.append(self._node(item, events, (*path, str(len(items)))))
            return items
        if not isinstance(event, yaml.ScalarEvent):  # pragma: no cover - the parser sends nothing else here
            raise _UnreadableError(line, "cannot be understood", f"Settings have two levels; {_EXAMPLE}")
        return None if event.style is None and event.value in _UNSET else event.value

    def _mapping(self, events: Iterator[yaml.Event], path: tuple[str, ...]) -> dict[str, object]:
        """Return the mapping; a key without a value is left out, which means its default."""
        values: dict[str, object] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            line = _line(event)
            key = self._node(event, events, path)
            if not isinstance(key, str):
                raise _UnreadableError(line, "has a key that is not a name", "Write key: value")
            here = (*path, key)
            if key in lines:
                origin = Origin(self._file, line)
                remedy = f"Remove this line or line {lines[key]}"
                problem = problem_at(origin, ".".join(here), f"is set on line {lines[key]} already", remedy)
                self.result.problems.append(problem)
                self._node(next(events), events, here)
                continue
            lines[key] = line
            self.result.origins[here] = Origin(self._file, line)
            if (value := self._node(next(events), events, here)) is not None:
                values[key] = value
        return values


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
