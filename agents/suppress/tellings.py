"""What the pipeline says, in alerts of its own, about what it hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.domain.budgets import DAY, BudgetEvent
from pipeline.domain.change import Change
from pipeline.domain.severity import Severity
from pipeline.domain.timestamps import to_text
from pipeline.schemas import own
from pipeline.schemas.own import OwnAlert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.rate_models import RateNews
    from pipeline.domain.budgets import BudgetPolicy
    from pipeline.domain.maintenance import HiddenCounts, MaintenanceWindow
    from pipeline.domain.silences import Silence
    from pipeline.domain.storms import Pulse, StormNews
    from pipeline.domain.tenants import DeadMansSwitch

_MOMENTS: Final = {"started_at", "ended_at", "minute"}


def storm_began(pulse: Pulse, now: int) -> OwnAlert:
    """Return that a storm began."""
    ref = pulse.policy.ref
    return OwnAlert(
        own.STORM,
        {},
        Change.OPENED,
        Severity.WARNING,
        now,
        f"More than {pulse.limit} alerts within a minute: a storm. Critical alerts and new names pass; "
        "all else is hidden, counted, and told of here every minute.",
        {"limit": pulse.limit, "policy": ref.id, "version": ref.version},
    )


def storm_news(news: StormNews, started_at: int) -> OwnAlert:
    """Return the digest of a storm's minute, or what was missed in all of it."""
    facts = _with_texts(news.facts)
    if "minutes" not in facts:
        summary = (
            f"In the last minute {facts['records']} alerts came, {facts['suppressed']} changes were hidden "
            f"({facts['suppressed_so_far']} since the storm began)."
        )
        return OwnAlert(own.STORM, {}, Change.REPEATED, Severity.WARNING, started_at, summary, facts)
    summary = (
        f"What you missed: the storm of {to_text(started_at)} is over. {facts['records']} alerts came in "
        f"{facts['minutes']} minutes, {facts['suppressed']} changes were hidden. What still fires is told now."
    )
    return OwnAlert(own.STORM, {}, Change.RESOLVED, Severity.WARNING, started_at, summary, facts, news.at)


def _with_texts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with their moments as RFC 3339, as everywhere in records."""
    told: dict[str, Any] = {name: to_text(value) if name in _MOMENTS else value for name, value in facts.items()}
    if "peak" in told:
        told["peak"] = _with_texts(told["peak"])
    return told


def window_began(window: MaintenanceWindow, span: tuple[int, int], now: int) -> OwnAlert:
    """Return that a maintenance window began."""
    ref = window.ref
    return OwnAlert(
        own.MAINTENANCE,
        {"window": ref.id},
        Change.OPENED,
        Severity.INFO,
        span[0],
        f"Maintenance {ref.id} by {ref.author or 'somebody'} until {to_text(span[1])}: {ref.comment or 'no comment'}",
        {"starts_at": to_text(span[0]), "ends_at": to_text(span[1]), "version": ref.version, "author": ref.author},
    )


def window_ended(window: MaintenanceWindow, since: int, now: int, hidden: HiddenCounts, still_firing: int) -> OwnAlert:
    """Return what happened in a maintenance window."""
    ref, told = window.ref, hidden.summary((since, now), still_firing)
    facts = {
        "starts_at": to_text(since),
        "ends_at": to_text(now),
        "hidden": told.hidden,
        "by_name": dict(told.by_name),
        "other_names": told.other,
        "by_severity": {severity.label: count for severity, count in told.by_severity},
        "still_firing": still_firing,
        "version": ref.version,
    }
    summary = (
        f"Maintenance {ref.id} is over: {told.hidden} changes were hidden in it, and {still_firing} alerts "
        "still fire and are told now."
    )
    return OwnAlert(own.MAINTENANCE, {"window": ref.id}, Change.RESOLVED, Severity.INFO, since, summary, facts, now)


def silence_expires(silence: Silence, end: int, now: int) -> OwnAlert:
    """Return the reminder that a silence is about to end."""
    ref = silence.ref
    return OwnAlert(
        own.SILENCE_EXPIRES,
        {"silence": ref.id},
        Change.OPENED,
        Severity.INFO,
        now,
        f"Silence {ref.id} by {ref.author or 'somebody'} ends at {to_text(end)}: {ref.comment or 'no comment'}. "
        "Extend it, or see to what it hides.",
        {"ends_at": to_text(end), "version": ref.version, "author": ref.author, "matchers": str(silence.matchers)},
    )


def switch_missing(switch: DeadMansSwitch, seen: int, now: int) -> OwnAlert:
    """Return that a dead man's switch is missed."""
    return OwnAlert(
        own.SWITCH_MISSING,
        {"switch": switch.id},
        Change.OPENED,
        Severity.CRITICAL,
        now,
        f"The alert that has to keep firing, {switch.matchers}, has not been seen since {to_text(seen)}: whoever sends "
        "it, or the way from there, is broken.",
        {"not_seen_since": to_text(seen), "within_ms": switch.within},
    )


def switch_back(switch_id: str, since: int, now: int) -> OwnAlert:
    """Return that a dead man's switch is there again."""
    return OwnAlert(
        own.SWITCH_MISSING,
        {"switch": switch_id},
        Change.RESOLVED,
        Severity.CRITICAL,
        since,
        f"Dead man's switch {switch_id} fires again, or is no longer asked for.",
        {"missing_since": to_text(since)},
        now,
    )


def budget_spent(event: BudgetEvent, policy: BudgetPolicy, spent: int, now: int) -> OwnAlert:
    """Return that a tenant's suppression budget is nearly spent, or spent."""
    warned = event is BudgetEvent.WARNED
    summary = (
        f"{spent} changes were hidden today by storms, flapping, noise and throttling, of {policy.suppressed_per_day}: "
        + ("the rest of the day's budget is small." if warned else "nothing more is hidden by these today.")
    )
    return OwnAlert(
        own.BUDGET,
        {},
        Change.OPENED if warned else Change.SEVERITY_RAISED,
        Severity.WARNING if warned else Severity.ERROR,
        now,
        summary,
        {"suppressed": spent, "suppressed_per_day": policy.suppressed_per_day, "event": event.value},
    )


def budget_renewed(since: int, now: int) -> OwnAlert:
    """Return that a new day has a new budget."""
    return OwnAlert(
        own.BUDGET, {}, Change.RESOLVED, Severity.WARNING, since, "A new day, a new suppression budget.", {}, now
    )


def hidden_in_day(day: int, counts: dict[str, int], now: int) -> OwnAlert:
    """Return how much each suppressor hid in a day (days since 1970, UTC)."""
    begin, end = day * DAY, (day + 1) * DAY
    return OwnAlert(
        own.HIDDEN,
        {"day": to_text(begin)[:10]},
        Change.RESOLVED,
        Severity.INFO,
        begin,
        f"What {len(counts)} suppressors hid on {to_text(begin)[:10]}; a change that two of them hid counts for both.",
        {"day": to_text(begin)[:10], "hidden": counts},
        end,
    )


def rate_news(news: RateNews, now: int) -> OwnAlert:
    """Return that a tenant's alert rate is unusual, or that more than usual is expected, or that this is over."""
    told = _unusual(news) if news.what == "unusual" else _forecast(news)
    name, severity, summary = told
    change, ends_at = (Change.RESOLVED, now) if news.over else (Change.OPENED, None)
    return OwnAlert(name, {}, change, severity, news.since, summary, dict(news.facts), ends_at)


def _unusual(news: RateNews) -> tuple[str, Severity, str]:
    facts = news.facts
    rate = f"{_plain(facts['value'])} alerts in five minutes, and {_plain(facts['usual'])} are usual at this hour"
    if "mean" in facts:
        means = f"{_plain(facts['mean'])}, and {_plain(facts['mean_usual'])} is usual"
        rate += f"; the mean of about {facts['mean_of_minutes']} minutes is {means}"
    if news.over:
        return own.RATE, Severity.WARNING, f"The rate of alerts is as usual, or has been like this for long: {rate}."
    return own.RATE, Severity.WARNING, f"The rate of alerts is unusual: {rate}. Score {facts['score']}."


def _plain(number: float | str) -> str:
    return f"{float(number):.1f}".removesuffix(".0")


def _forecast(news: RateNews) -> tuple[str, Severity, str]:
    facts = news.facts
    hour = (
        f"in the next hour {facts['low']} to {facts['high']} alerts are expected. At this time of day "
        f"{_plain(facts['usual'])} are usual, and three of four hours of the last week had at most "
        f"{facts['usual_at_most']}."
    )
    what = "No more than usual, or it has been like this for long:" if news.over else "More alerts than usual:"
    return own.FORECAST, Severity.INFO, f"{what} {hour}"


def suppressed_in_incident(
    tenant: str, fingerprint: str, name: str, suppressed_by: tuple[str, ...], incident: str, now: int
) -> OwnAlert:
    """Return the recall alarm: an alert that was hidden belongs to an incident."""
    by = f" by {', '.join(suppressed_by)}" if suppressed_by else ""
    return OwnAlert(
        own.RECALL,
        {"fingerprint": fingerprint, "incident": incident},
        Change.OPENED,
        Severity.ERROR,
        now,
        f"Alert {name} ({fingerprint}) was hidden{by} and belongs to incident {incident}: look at what hid it.",
        {"tenant_id": tenant, "name": name, "suppressed_by": list(suppressed_by), "incident": incident},
    )
