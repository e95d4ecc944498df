"""What must hold of storms, flapping and throttling at the end of a run, and of what was told about storms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.domain.reasons import Stage
from pipeline.domain.suppressors import is_adaptive
from pipeline.domain.timers import second_of
from pipeline.schemas import own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agents.ingest import IngestStep
    from agents.suppress.tenant import Tenant
    from pipeline.domain.alert import Alert

_MINUTE: Final = 60_000


def held_too_long(steps: Iterable[IngestStep]) -> Iterator[str]:
    """Yield the open alerts that something adaptive holds although it is over, or may not hold at all."""
    for step in steps:
        for tenant in step.suppression.tenants.values():
            for key in sorted(tenant.open):
                alert = step.alerts.find(key)
                assert alert is not None
                for what in filter(is_adaptive, alert.held):
                    if (why := _why_not(step, tenant, alert, what)) is not None:
                        yield f"{tenant.name} {alert.fingerprint}: {what}, {why}, at {step.progress.stream_ms}"


def _why_not(step: IngestStep, tenant: Tenant, alert: Alert, what: str) -> str | None:
    """Return why this may not hold an alert now, None if it may."""
    subject = step.suppression.subject_of(alert, step.alerts.body(alert.key))
    if tenant.policy.protects(subject, alert.severity):
        return "which nothing adaptive may hide"
    if what == Stage.STORM and not tenant.pulse.storming:
        return "and there is none"
    if what == Stage.FLAPPING and not alert.steady_at:
        return "and it is steady"
    if what == Stage.THROTTLE:
        ready_at = tenant.throttle.ready_at(alert.name, 0)
        # Whoever looks at a tenant just before its token comes looks again a second later.
        if (second_of(ready_at) + 1) * 1000 <= step.progress.stream_ms:
            return f"and there has been a token since {ready_at}"
    return None


def storms(bodies: Iterable[dict[str, Any]], steps: Iterable[IngestStep]) -> Iterator[str]:
    """Yield what is wrong with the storms: begun twice, a minute told twice, an end that was missed or never was.

    A digest says what holds its alert, so it shows an alert that was not let go at the end of its storm.
    """
    storm: dict[str, str] = {}  # tenant -> since when, of those that last
    minutes: set[tuple[str, str]] = set()
    for body in bodies:
        tenant, change, since = body["tenant_id"], body["change"], body["starts_at"]
        if Stage.STORM in body["suppressed_by"] and tenant not in storm:
            yield f"hidden by a storm that is over: {body}"
        if body["source"] != own.SOURCE or body["name"] != own.STORM:
            continue
        if (change == "opened") == (tenant in storm) or storm.get(tenant, since) != since:
            yield f"{body}, while {storm.get(tenant, 'no storm')} lasted"
        if change == "repeated" and (minute := (tenant, body["extra"]["minute"])) in minutes:
            yield f"told twice: {body}"
        elif change == "repeated":
            minutes.add(minute)
        if change == "resolved":
            storm.pop(tenant, None)
        else:
            storm[tenant] = since
    for step in steps:
        now = step.progress.stream_ms // _MINUTE
        for tenant in step.suppression.tenants.values():
            if (tenant.pulse.storm is None) == (storm.pop(tenant.name, None) is not None):
                yield f"{tenant.name}: {tenant.pulse.storm} in the state, and it was told otherwise"
            if tenant.pulse.storm is not None and tenant.pulse.minute < now:
                yield f"{tenant.name}: minute {tenant.pulse.minute} of a storm was not closed in minute {now}"
    for tenant_name, since in storm.items():
        yield f"{tenant_name}: the storm of {since} is not in the state"
