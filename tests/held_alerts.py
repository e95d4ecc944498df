"""Whether open alerts are held by exactly the rules that are active for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.domain.reasons import Stage
from pipeline.domain.suppressors import named, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.ingest import IngestStep
    from agents.suppress.tenant import Tenant
    from pipeline.domain.subject import Subject

WRITTEN = (Stage.SILENCE, Stage.MAINTENANCE, Stage.INHIBITION)


def wrongly_held(step: IngestStep) -> list[tuple[str, str, str, int]]:
    """Return (fingerprint, what, fault, time) of what people wrote that holds an open alert and is not active for it.

    Or that is active and does not hold it. Ends and beginnings are looked at when a second is over, and by the records
    of the alert itself, so either answer is right between the two.
    """
    stream_ms = step.progress.stream_ms
    times = stream_ms // 1000 * 1000, stream_ms
    wrong = []
    for tenant in step.suppression.tenants.values():
        for key in tenant.open:
            alert = step.alerts.find(key)
            assert alert is not None
            subject = step.suppression.subject_of(alert, step.alerts.body(key))
            holding = {what for what in alert.held if parts_of(what)[0] in WRITTEN}
            before, after = (set(_active(tenant, key, subject, now)) for now in times)
            wrong += [(alert.fingerprint, what, "is not active", stream_ms) for what in holding - before - after]
            wrong += [(alert.fingerprint, what, "does not hold", stream_ms) for what in (before & after) - holding]
    return sorted(wrong)


def _active(tenant: Tenant, key: bytes, subject: Subject, now: int) -> Iterator[str]:
    for silence in tenant.silence_by_id.values():
        if silence.matchers.matches(subject) and tenant.silenced_by(silence, now):
            yield named(Stage.SILENCE, silence.ref.id)
    for window in tenant.window_by_id.values():
        if window.matchers.matches(subject) and tenant.is_on(window, now):
            yield named(Stage.MAINTENANCE, window.ref.id)
    if tenant.inhibitor is not None:
        for rule, _ in tenant.inhibitor.inhibitors(key):
            yield named(Stage.INHIBITION, rule.ref.id)
