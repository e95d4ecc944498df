"""What the linter found, each with its place in the folder: also what cannot be read at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.control.findings import Code, Severity
from pipeline.control.lint import lint

if TYPE_CHECKING:
    from pipeline.control.folder import ControlFolder


@dataclass(frozen=True)
class ReportLine:
    """One finding."""

    file: str
    line: int | None
    severity: str
    code: str
    rule: str
    what: str
    remedy: str
    others: list[str]

    def __str__(self) -> str:
        """Give the whole of it in one line."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        rule = f"{self.rule} " if self.rule else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        return f"{where}: {self.severity} {self.code}: {rule}{self.what}{remedy}"


def report(folder: ControlFolder, now: int) -> list[ReportLine]:
    """Return all that is wrong with a folder at `now`, by file and line."""
    lines = [
        ReportLine(
            problem.place.file,
            problem.place.line or None,
            Severity.ERROR,
            Code.UNREADABLE,
            "",
            f"{problem.path} {problem.what}".lstrip(),
            problem.remedy,
            [],
        )
        for problem in folder.problems
    ]
    for found in lint({key: document.rule for key, document in folder.rules.items()}, now):
        place = folder.rules[found.rule].place
        others = [f"{folder.rules[other].place}: {other}" for other in found.others]
        what, severity = found.what, found.severity
        lines.append(
            ReportLine(place.file, place.line, severity, found.code, str(found.rule), what, found.remedy, others)
        )
    return sorted(lines, key=lambda one: (one.file, one.line or 0, one.code))
