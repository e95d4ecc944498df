"""The life of an alert: what a record, or time alone, makes of it.

    (unknown) --firing--> open --resolved--> ended --firing soon--> open (reopened)
                          |  ^                  +---firing later--> open (opened)
                          |  +-- the same again: counted, told in digests
                          +-- its end passes, or nobody repeats it: ended (expired)

The functions change the alert they are given and return what to tell; None is a repeat, told later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.domain.alert import Alert
from pipeline.domain.change import Change
from pipeline.domain.correlation.bursts import Burst
from pipeline.domain.reasons import Told, Unchanged

if TYPE_CHECKING:
    from pipeline.domain.alert import Observation, Periods


# A member of an enumeration costs four times as much to look up as a name of this module.
_RAISED, _LOWERED = Change.SEVERITY_RAISED, Change.SEVERITY_LOWERED
_RESOLVED, _EXPIRED = Change.RESOLVED, Change.EXPIRED
_LENGTH_BITS = 3
IN_BURST = (1 << _LENGTH_BITS) - 1
"""The bits of an alert's `burst` that say how long it is: 0, and a repeat without a pause before it means nothing."""


def opened(tenant: str, fingerprint: str, name: str, seen: Observation) -> Alert:
    """Return the alert that a first firing record opens."""
    at = seen.at
    starts_at = at if seen.starts_at is None else seen.starts_at
    # By position, in the order of the fields: half the cost, and this is what a storm of new alerts does most.
    alert = Alert(tenant, fingerprint, name, seen.severity, True, 1, starts_at, at, at, seen.ends_at, seen.value, at, 1)
    alert.opened_at = at
    return alert


def observe(alert: Alert, seen: Observation, periods: Periods) -> Change | Unchanged | None:
    """Return what the record `seen` makes of the known `alert`: a change, nothing and why, or None for a repeat."""
    if not seen.firing:
        return _resolve(alert, seen)
    if not alert.open:
        return _fire_again(alert, seen, periods)
    alert.count += 1
    if seen.at < alert.last_event:  # a late record: it did fire, but it does not say how the alert is now
        return None
    alert.last_seen = alert.last_event = seen.at
    alert.ends_at = seen.ends_at
    if seen.value is not None:
        alert.value = seen.value
    if seen.severity == alert.severity:
        return None
    change = _RAISED if seen.severity > alert.severity else _LOWERED
    alert.severity = seen.severity
    tell(alert, seen.at)
    return change


def _resolve(alert: Alert, seen: Observation) -> Change | Unchanged:
    if not alert.open:
        return Unchanged.ALREADY_RESOLVED
    # Like is compared with like: the senders' clock with itself, and the records' clock with itself.
    if seen.at < alert.last_event or (seen.ends_at is not None and seen.ends_at < alert.starts_at):
        return Unchanged.OLDER_THAN_KNOWN
    alert.open = False
    alert.last_event = seen.at
    # An end is not later than the record that tells of it: a wrong year must not keep the alert for ever.
    alert.ends_at = seen.at if seen.ends_at is None else min(seen.ends_at, seen.at)
    if seen.value is not None:
        alert.value = seen.value
    tell(alert, seen.at)
    return _RESOLVED


def _fire_again(alert: Alert, seen: Observation, periods: Periods) -> Change | Unchanged:
    if seen.at < alert.last_event:
        return Unchanged.OLDER_THAN_KNOWN
    ended_at = alert.last_event if alert.ends_at is None else alert.ends_at
    change = Change.REOPENED if seen.at - ended_at <= periods.reopen else Change.OPENED
    alert.open = True
    alert.count = 1
    alert.tallied = 0
    alert.severity = seen.severity
    alert.starts_at = seen.at if seen.starts_at is None else seen.starts_at
    alert.last_seen = alert.last_event = seen.at
    alert.ends_at = seen.ends_at
    alert.value = seen.value
    alert.opened_at, alert.burst = seen.at, 0
    tell(alert, seen.at)
    return change


def burst(alert: Alert, pause: int) -> tuple[str, int] | None:
    """Return what a repeat that came after `pause` is told as at once, and the pause before its burst; None: later.

    It is counted already, and is the newest: what is asked is about the records before it.
    """
    length, quiet = alert.burst & IN_BURST, alert.burst >> _LENGTH_BITS
    known = Burst(length, quiet)
    kind = known.repeat(pause, alert.last_seen - pause - alert.opened_at, alert.count - 2)
    alert.burst = known.length | known.quiet_ms << _LENGTH_BITS
    return None if kind is None else (kind, known.quiet_ms)


def pass_time(alert: Alert, now: int, periods: Periods) -> Change | None:
    """Return what the time `now`, at which nothing was heard, makes of an open alert."""
    if not alert.open:
        return None
    deadline = expires_at(alert, periods)
    if deadline <= now:
        alert.open = False
        alert.last_event = alert.last_seen
        alert.ends_at = deadline
        tell(alert, now)
        return Change.EXPIRED
    if alert.untold and _digest_at(alert, periods) <= now:
        tell(alert, now)
        return Change.REPEATED
    return None


def expires_at(alert: Alert, periods: Periods) -> int:
    """Return when an open alert that nobody repeats is expired."""
    return alert.last_seen + periods.resolve if alert.ends_at is None else alert.ends_at


def forgotten_at(alert: Alert, periods: Periods) -> int:
    """Return when an ended alert is no longer remembered: firing again then, it is a new one."""
    return (alert.last_event if alert.ends_at is None else alert.ends_at) + periods.reopen + 1


def due_at(alert: Alert, periods: Periods) -> int:
    """Return when time alone next means something to this alert."""
    if not alert.open:
        return alert.steady_at or forgotten_at(alert, periods)  # it is not forgotten before it is steady
    due = alert.last_seen + periods.resolve if alert.ends_at is None else alert.ends_at  # expires_at
    if alert.count != alert.told_count:
        due = min(due, _digest_at(alert, periods))
    return min(due, alert.steady_at) if alert.steady_at else due


def _digest_at(alert: Alert, periods: Periods) -> int:
    """Return when the repeats of an alert are told: an interval after it was last told of, if one came by then.

    After a long silence that is at once. Counted from the interval's end alone, every interval that passed in
    silence would let one more digest leave.
    """
    return max(alert.told_at + periods.digest, alert.last_seen)


def tell(alert: Alert, now: int) -> None:
    """Note that a record about this alert leaves at `now`."""
    if now > alert.told_at:
        alert.told_at = now
    alert.told_count = alert.count


def why(change: Change, alert: Alert, periods: Periods) -> Told:
    """Return the reason that goes with `change` of `alert`, as it is after the change."""
    if change is _EXPIRED and alert.ends_at == alert.last_seen + periods.resolve:
        return Told.NOT_SEEN_AGAIN
    return _WHY[change]


_WHY = {
    Change.EXPIRED: Told.ENDS_AT_PASSED,
    Change.OPENED: Told.FIRST_SEEN,
    Change.REOPENED: Told.FIRED_AGAIN,
    Change.SEVERITY_RAISED: Told.SEVERITY_CHANGED,
    Change.SEVERITY_LOWERED: Told.SEVERITY_CHANGED,
    Change.RESOLVED: Told.RESOLVED_BY_SENDER,
    Change.REPEATED: Told.DIGEST_DUE,
    Change.SUPPRESSED: Told.SUPPRESSION_BEGAN,
    Change.UNSUPPRESSED: Told.SUPPRESSION_ENDED,
    Change.FLAPPING: Told.STATE_CHANGED_OFTEN,
    Change.STEADY: Told.STATE_CHANGES_CEASED,
}
