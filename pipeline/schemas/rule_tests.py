"""Tests of rules, as they stand beside them: alerts at times, and what is to become of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from pipeline.domain.change import Change
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.severity import LABELS, severity_of
from pipeline.domain.timestamps import to_ms
from pipeline.durations import parse_duration
from pipeline.schemas import raw
from pipeline.schemas.control_fields import Moment, Spec
from pipeline.schemas.control_problems import InvalidControlError, from_validation, shown

KIND: Final = "test"
STARTS_AT: Final = 1_767_603_600_000  # 2026-01-05T09:00:00Z, a Monday: when a test begins that does not say
_STEPS: Final = 1000
_At = Annotated[str, Meta(description="how long after the start, or a moment", examples=['"+5m"'])]


class _Expect(Spec, kw_only=True):
    verdict: Annotated[Literal["active", "suppressed"], Meta(description="active or suppressed", examples=["active"])]
    name: Annotated[str, Meta(description="the name of an alert", examples=["HighCPU"])] | None = None
    fingerprint: str | None = None
    labels: dict[str, str] | None = None
    change: Annotated[Change, Meta(description=f"one of {', '.join(Change)}", examples=["opened"])] | None = None
    suppressed_by: tuple[str, ...] | None = None


class _Step(Spec, kw_only=True):
    at: _At
    alert: Annotated[dict[str, Any], Meta(description="an alert", examples=["{name: HighCPU}"])] | None = None
    expect: _Expect | None = None


class _Spec(Spec, kw_only=True):
    steps: Annotated[tuple[_Step, ...], Meta(min_length=1, max_length=_STEPS, description="steps")]
    at: Moment | None = None


class Send(msgspec.Struct, frozen=True):
    """An alert arrives."""

    at: int  # ms
    value: bytes
    """As on alerts.raw."""


class Expect(msgspec.Struct, frozen=True):
    """A change must have left; what is None may be anything."""

    at: int  # ms
    verdict: str
    name: str | None
    fingerprint: str | None
    labels: dict[str, str] | None
    """Labels that the alert has among others."""
    change: Change | None
    suppressed_by: tuple[str, ...] | None


class RuleTest(msgspec.Struct, frozen=True):
    """One test of a tenant's rules; its steps are in the order of their times."""

    tenant_id: str
    id: str
    starts_at: int  # ms
    steps: tuple[Send | Expect, ...]


def rule_test_of(tenant_id: str, id: str, spec: object) -> RuleTest:  # noqa: A002 - the document calls it so
    """Return the test that a `spec` of kind `test` describes.

    Raises:
        InvalidControlError: with the path.
    """
    try:
        found = msgspec.convert(spec, _Spec)
    except msgspec.ValidationError as error:
        raise from_validation(error, _Spec, ("spec",)) from None
    start = STARTS_AT if found.at is None else to_ms(found.at) or 0
    steps: list[Send | Expect] = []
    for number, step in enumerate(found.steps):
        path = ("spec", "steps", number)
        at = _moment(step.at, start, path)
        if steps and at < steps[-1].at:
            raise InvalidControlError(
                (*path, "at"), f"{step.at} is before the step above", "Put steps in order of time"
            )
        steps.append(_step(tenant_id, step, at, path))
    if not any(isinstance(step, Expect) for step in steps):
        raise InvalidControlError(("spec", "steps"), "expect nothing", "Add a step with expect: {verdict: suppressed}")
    return RuleTest(tenant_id, id, start, tuple(steps))


def _step(tenant_id: str, step: _Step, at: int, path: tuple[str | int, ...]) -> Send | Expect:
    if step.alert is not None and step.expect is None:
        return Send(at, _alert(tenant_id, step.alert, (*path, "alert")))
    if step.expect is None or step.alert is not None:
        raise InvalidControlError(path, "is neither one alert nor one expectation", "Write either alert: or expect:")
    said = step.expect
    return Expect(at, said.verdict, said.name, said.fingerprint, said.labels, said.change, said.suppressed_by)


def _moment(text: str, start: int, path: tuple[str | int, ...]) -> int:
    try:
        if text.startswith("+"):
            return start + round(parse_duration(text[1:]).total_seconds() * 1000)
        moment = to_ms(msgspec.convert(text, Annotated[datetime, Meta(tz=True)]))
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        remedy = 'Write how long after the start, such as "+5m", or 2026-11-26T10:00:00Z'
        raise InvalidControlError((*path, "at"), f"{shown(text)} is no time", remedy)
    return moment


def _alert(tenant_id: str, alert: dict[str, Any], path: tuple[str | int, ...]) -> bytes:
    """Return an alert as on alerts.raw, checked as a worker checks it."""
    if "tenant_id" in alert:
        raise InvalidControlError((*path, "tenant_id"), "is said by the test", "Remove it")
    value = msgspec.json.encode({"tenant_id": tenant_id, **alert})
    try:
        found = raw.parse(value)
        raw.check(found)
        raw.labels_of(found)
    except RejectedRecordError as error:
        raise InvalidControlError(path, f"is no alert: {error}", "Write it as for alerts.raw, without tenant") from None
    if severity_of(found.severity) is None:
        remedy = f"Write one of {', '.join(LABELS)}"
        raise InvalidControlError((*path, "severity"), f"{shown(found.severity)} is no severity", remedy)
    return value
