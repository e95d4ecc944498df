"""Runs the tests that stand beside rules: alerts at times through the step of the ingest agent, in event time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from agents.ingest import RAW_TOPIC, IngestStep
from agents.suppress.defaults import Defaults
from pipeline.domain.alert import Periods
from pipeline.ledger.told import read_told
from pipeline.replay_control import ControlLog, of_documents
from pipeline.replay_run import Record
from pipeline.schemas.enriched import Decision
from pipeline.schemas.rule_tests import Expect
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.control.folder import ControlFolder
    from pipeline.ledger.told import ToldChange
    from pipeline.schemas.rule_tests import RuleTest

_decode_labels: Final = msgspec.json.Decoder(dict[str, str]).decode
_decode_decisions: Final = msgspec.json.Decoder(list[Decision]).decode


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that an expectation says otherwise than it is."""

    what: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that was not met."""

    step: int
    """From 1, as they stand in the test."""
    after: int
    """ms since the test began."""
    of: str
    """Which alert was looked for."""
    mismatches: tuple[Mismatch, ...]
    """Empty if nothing was told of any such alert."""
    told: tuple[str, ...]
    """What was told of it last and why, or else what was told at all."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of one test."""

    __test__ = False  # it is not pytest's

    tenant_id: str
    id: str
    failures: tuple[Failure, ...]
    refused: tuple[str, ...]
    """Rules and alerts that the pipeline did not take, each with its reason: nothing passes without them."""

    @property
    def passed(self) -> bool:
        """Say whether all was as expected."""
        return not self.failures and not self.refused


def run_tests(
    control: ControlLog, tests: Iterable[RuleTest], *, periods: Periods | None = None, defaults: Defaults | None = None
) -> list[TestResult]:
    """Return what comes of each test; each begins anew with all the rules of its tenant in force."""
    return [
        _Run(control.of_tenant(test.tenant_id), test, periods or Periods(), defaults or Defaults()).result()
        for test in tests
    ]


def run_folder(
    folder: ControlFolder, *, periods: Periods | None = None, defaults: Defaults | None = None
) -> list[TestResult]:
    """Return what comes of the tests of a folder on its own rules, by tenant and id."""
    tests = [test for _, (test, _) in sorted(folder.tests.items())]
    return run_tests(of_documents(folder.rules.values()), tests, periods=periods, defaults=defaults)


class _Run:
    """One test."""

    def __init__(self, control: ControlLog, test: RuleTest, periods: Periods, defaults: Defaults) -> None:
        self._test = test
        self._told: dict[tuple[str, str], ToldChange] = {}  # the last of each alert, the newest at the end
        self._refused: list[str] = []
        self._offset = 0
        self._step = IngestStep(
            DictStore(),
            topic=RAW_TOPIC,
            partition=0,
            partitions=1,
            periods=periods,
            wall_clock=False,
            defaults=defaults,
        )
        self._step.advance(test.starts_at)
        self._step.seal_control(control.by_partition(None).get(0, ()))
        self._step.apply_control()

    def result(self) -> TestResult:
        """Go through the steps."""
        self._listen()
        failures = []
        for number, step in enumerate(self._test.steps, start=1):
            self._step.advance(step.at)
            if isinstance(step, Expect):
                self._listen()
                failure = self._compare(number, step)
                failures += [] if failure is None else [failure]
                continue
            key = self._test.tenant_id.encode()
            self._step.process([Record(self._offset, step.at, key, step.value, ())], 0)
            self._offset += 1
            self._listen()
        return TestResult(self._test.tenant_id, self._test.id, tuple(failures), tuple(self._refused))

    def _listen(self) -> None:
        emitted = self._step.take_emitted()
        for output in emitted.enriched:
            told = read_told(output.value or b"")
            self._told.pop((told.tenant_id, told.fingerprint), None)
            self._told[told.tenant_id, told.fingerprint] = told
        for output in emitted.dead:
            texts = {name: text.decode(errors="replace") for name, text in output.headers}
            self._refused.append(
                f"{(output.key or b'').decode(errors='replace')}: {texts['reason']}: {texts['detail']}"
            )

    def _compare(self, number: int, expected: Expect) -> Failure | None:
        found = [told for told in self._told.values() if _is_meant(told, expected)]
        after, of = expected.at - self._test.starts_at, _named(expected)
        if not found:
            return Failure(number, after, of, (), tuple(map(_line, self._told.values())))
        mismatches = tuple(_mismatches(expected, found[-1]))
        return Failure(number, after, of, mismatches, tuple(_lines(found[-1]))) if mismatches else None


def _is_meant(told: ToldChange, expected: Expect) -> bool:
    if told.is_own and expected.name is None:  # what the pipeline says itself is asked for by its name
        return False
    if expected.name is not None and told.name != expected.name:
        return False
    if expected.fingerprint is not None and told.fingerprint != expected.fingerprint:
        return False
    return not expected.labels or expected.labels.items() <= _decode_labels(told.labels).items()


def _named(expected: Expect) -> str:
    labels = f" {_labels_text(expected.labels)}" if expected.labels else ""
    fingerprint = f" with the fingerprint {expected.fingerprint}" if expected.fingerprint else ""
    return f"{expected.name or 'the last alert'}{labels}{fingerprint}"


def _mismatches(expected: Expect, told: ToldChange) -> Iterable[Mismatch]:
    if told.verdict != expected.verdict:
        yield Mismatch("verdict", expected.verdict, told.verdict)
    if expected.suppressed_by is not None and sorted(expected.suppressed_by) != sorted(told.suppressed_by):
        yield Mismatch("suppressed_by", _listed(expected.suppressed_by), _listed(told.suppressed_by))
    if expected.change is not None and told.change != expected.change:
        yield Mismatch("change", expected.change.value, told.change)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


def _labels_text(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{text}"' for name, text in sorted(labels.items())) + "}"


def _line(told: ToldChange) -> str:
    return f"{told.name} {_labels_text(_decode_labels(told.labels))}: {told.change}, {told.verdict}"


def _lines(told: ToldChange) -> Iterable[str]:
    yield _line(told)
    for one in _decode_decisions(told.decisions):
        rule = f" {one.rule} (version {one.version})" if one.rule is not None else ""
        yield f"  {one.stage}: {one.verdict}, {one.reason}{rule}"
