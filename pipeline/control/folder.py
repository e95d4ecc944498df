"""A folder of rules: YAML files, each with documents {tenant, kind, id, comment, author, spec}.

Below DIR/TENANT/ the tenant need not be said, and no other can be: who may change one tenant's folder changes that
tenant only. Everything that is wrong in any file is found in one go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from pipeline.control.yaml import YamlError, read_documents
from pipeline.domain.errors import RejectedRecordError
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_problems import InvalidControlError, from_validation, path_text
from pipeline.schemas.control_records import ControlKey, checked_key, new_record
from pipeline.schemas.control_specs import read_spec, write_spec
from pipeline.schemas.rule_tests import KIND as TEST
from pipeline.schemas.rule_tests import RuleTest, rule_test_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pipeline.control.yaml import YamlDocument
    from pipeline.schemas.control import Rule

LARGEST_FILE: Final = 2**20
_ENDINGS: Final = {".yml", ".yaml"}
_NOBODY: Final = "-"


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """A document as it is written."""

    kind: Annotated[str, Meta(description="a kind", examples=["silence"])]
    id: Annotated[str, Meta(description="an id", examples=["db-upgrade"])]
    spec: Annotated[dict[str, Any], Meta(description="what the rule says", examples=["{matchers: [...]}"])]
    tenant: Annotated[str, Meta(description="the tenant", examples=["acme"])] | None = None
    comment: Annotated[str, Meta(description="why", examples=["the database is upgraded"])] = ""
    author: Annotated[str, Meta(min_length=1, description="who wrote it", examples=["ada"])] | None = None


@dataclass(frozen=True)
class Place:
    """Where a document stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class ControlProblem:
    """One thing to put right."""

    place: Place
    path: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """Give the whole of it in one line."""
        path = f"{self.path} " if self.path else ""
        return f"{self.place}: {path}{self.what}" + (f". {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class RuleDocument:
    """One rule as the folder has it."""

    key: ControlKey
    place: Place
    comment: str
    author: str | None
    spec: bytes
    """As `write_spec` writes it, so that the same rule is the same bytes."""
    rule: Rule


@dataclass
class ControlFolder:
    """What a folder says, and what is wrong with it."""

    rules: dict[ControlKey, RuleDocument] = field(default_factory=dict)
    tests: dict[tuple[str, str], tuple[RuleTest, Place]] = field(default_factory=dict)
    problems: list[ControlProblem] = field(default_factory=list)

    @property
    def tenants(self) -> list[str]:
        """Whose rules these are."""
        return sorted({key.tenant_id for key in self.rules} | {tenant for tenant, _ in self.tests})


if TYPE_CHECKING:
    RunTests = Callable[[ControlFolder], Sequence[ControlProblem]]
    """Runs the tests of a folder on its rules, and returns one problem for each that failed."""


def read_folder(folder: Path, run_tests: RunTests | None = None) -> ControlFolder:
    """Return the rules and tests below a folder; whatever is wrong is in `problems`, nothing is raised.

    Hidden files and folders are passed over. The tests run if there is something to run them, and only where
    nothing else is wrong.
    """
    found = ControlFolder()
    files = _files(folder)
    if not files:
        what = "has no *.yml or *.yaml" if folder.is_dir() else "is no folder"
        found.problems.append(ControlProblem(Place(str(folder), 0), "", what, "Give the folder with the rules"))
    for file in files:
        _Reader(found, folder, file).read()
    if run_tests is not None and not found.problems:
        found.problems.extend(run_tests(found))
    return found


def read_file(file: Path) -> ControlFolder:
    """Return the same of one file, whose documents all say their tenant."""
    found = ControlFolder()
    _Reader(found, file.parent, file).read()
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in _ENDINGS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


class _Reader:
    """Takes one file into a folder."""

    def __init__(self, into: ControlFolder, folder: Path, file: Path) -> None:
        self._into = into
        self._file = file
        inside = file.relative_to(folder).parts
        self._tenant = inside[0] if len(inside) > 1 else None

    def read(self) -> None:
        for document in self._documents():
            for problem in document.problems:
                self._problem(problem.line, "", problem.what, problem.remedy)
            if document.problems:
                continue
            try:
                self._take(document)
            except InvalidControlError as error:
                path = ("tenant", *error.path[1:]) if error.path[:1] == ("tenant_id",) else error.path
                self._problem(document.line_of(path), path_text(path), error.what, error.remedy)
            except RejectedRecordError as error:
                self._problem(document.line, "", error.detail, "")

    def _documents(self) -> Iterator[YamlDocument]:
        try:
            with self._file.open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
            if len(data) > LARGEST_FILE:
                self._problem(0, "", f"is larger than {LARGEST_FILE // 2**20} MiB", "Split it into several files")
                return
            yield from read_documents(data.decode("utf-8-sig"))
        except OSError as error:
            self._problem(0, "", f"cannot be read: {error.strerror}", "Check its rights")
        except UnicodeDecodeError as error:
            self._problem(data.count(b"\n", 0, error.start) + 1, "", "is not UTF-8", "Save the file as UTF-8")
        except YamlError as error:
            self._problem(error.line, "", error.what, error.remedy)

    def _problem(self, line: int, path: str, what: str, remedy: str) -> None:
        self._into.problems.append(ControlProblem(Place(str(self._file), line), path, what, remedy))

    def _take(self, document: YamlDocument) -> None:
        try:
            said = msgspec.convert(document.value, _Document)
        except msgspec.ValidationError as error:
            raise from_validation(error, _Document) from None
        tenant = self._tenant_of(said)
        place = Place(str(self._file), document.line)
        if said.kind == TEST:
            checked_key(tenant, "tenant", tenant)
            self._once(self._into.tests, (tenant, said.id), f"test {said.id}")
            self._into.tests[tenant, said.id] = (rule_test_of(tenant, said.id, said.spec), place)
            return
        key = checked_key(tenant, said.kind, said.id)
        self._once(self._into.rules, key, str(key))
        spec = write_spec(read_spec(key.kind, msgspec.json.encode(said.spec)))
        record = new_record(key, 1, said.author or _NOBODY, 0, said.comment, spec)
        self._into.rules[key] = RuleDocument(key, place, said.comment, said.author, spec, rule_of(record))

    def _tenant_of(self, said: _Document) -> str:
        if said.tenant is None and self._tenant is None:
            raise InvalidControlError(("tenant",), "is missing", "Add it, or put the file in a folder called so")
        if said.tenant is not None and self._tenant not in (None, said.tenant):
            what = f"{said.tenant} is not the folder's, {self._tenant}"
            raise InvalidControlError(("tenant",), what, f"Remove it, or move the file to a folder {said.tenant}")
        return said.tenant or self._tenant or ""

    def _once(self, known: dict[Any, Any], key: object, name: str) -> None:
        there = known.get(key)
        if there is not None:
            place = there.place if isinstance(there, RuleDocument) else there[1]
            raise InvalidControlError(("id",), f"{name} is in {place} as well", "Remove one, or give it another id")
