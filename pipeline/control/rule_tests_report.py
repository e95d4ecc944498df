"""What came of rules' own tests, as text and as problems of their folder."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.control.folder import ControlProblem
from pipeline.control.rule_tests_run import run_folder
from pipeline.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.control.folder import ControlFolder
    from pipeline.control.rule_tests_run import Failure, TestResult


def lines_of(result: TestResult) -> Iterator[str]:
    """Yield what is to be read of one test: a line if it passed, else what was expected and what was got."""
    yield f"{'ok    ' if result.passed else 'FAILED'}  {result.tenant_id}/{result.id}"
    for refused in result.refused:
        yield f"  not taken: {refused}"
    for failure in result.failures:
        yield f"  {_headline(failure)}"
        width = max((len(one.what) for one in failure.mismatches), default=0)
        for one in failure.mismatches:
            yield f"    {one.what:<{width}}  expected {one.expected}, got {one.got}"
        yield "    what was told of it last, and why:" if failure.mismatches else "    what was told until then:"
        yield from (f"      {line}" for line in failure.told or ("nothing",))


def as_json(result: TestResult) -> dict[str, Any]:
    """Return the same by name."""
    return {"passed": result.passed, **asdict(result)}


def _headline(failure: Failure) -> str:
    after = format_duration(timedelta(milliseconds=failure.after))
    missing = "" if failure.mismatches else ": no such alert was told of"
    return f"step {failure.step}, after {after}: {failure.of}{missing}"


def problems(folder: ControlFolder) -> Sequence[ControlProblem]:
    """Run the tests of a folder; return one problem for each that failed, at its place."""
    return [
        ControlProblem(
            folder.tests[result.tenant_id, result.id][1],
            f"test {result.id}",
            "fails: " + "; ".join([*result.refused, *map(_short, result.failures)]),
            "Run `core-alerts control test` for what was expected and what was got",
        )
        for result in run_folder(folder)
        if not result.passed
    ]


def _short(failure: Failure) -> str:
    wrong = (f"{one.what} expected {one.expected}, got {one.got}" for one in failure.mismatches)
    return ", ".join([_headline(failure), *wrong])
