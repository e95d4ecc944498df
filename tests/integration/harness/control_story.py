"""What must hold of a run in which rules came and went, although no oracle knows between which alerts they came.

The life of an alert does not depend on rules that come and go, so the oracle without them says which changes must be
told, those of time included. What rules make of it is judged by itself: by the rules on the topic, by what the state
says at the end, and by what was told before.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agents.ingest import DEAD_TOPIC, ENRICHED_TOPIC, RAW_TOPIC, IngestStep
from pipeline.app import defaults, periods
from pipeline.domain import lifecycle
from pipeline.domain.schedules import Once
from pipeline.domain.suppressors import stage_of
from pipeline.domain.timers import second_of
from pipeline.schemas import own
from pipeline.schemas.records import ORIGIN
from tables.control import ControlTable
from tables.store import DictStore
from tests.held_alerts import wrongly_held
from tests.integration.harness.adaptive_story import held_too_long, storms
from tests.integration.harness.control_traffic import FLAPS, version_of
from tests.integration.harness.oracle import Outcome, compare, expected, found, newest_rows
from tests.integration.harness.traffic import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.domain.alert import Alert
    from tests.integration.harness.oracle import Told, Verdict
    from tests.integration.harness.scene import Scene

BY_TIME: Final = " by time"
"""What follows the name of a change, in the counts of a verdict, where time alone caused it."""
_OF_RULES: Final = ("suppressed", "unsuppressed", "repeated")
"""Changes that depend on rules; a digest does, for it comes an interval after whatever was told before it."""
_OF_LIFE: Final = (
    *("id", "tenant_id", "fingerprint", "name", "severity", "status", "change"),
    *("count", "starts_at", "last_seen_at", "ends_at"),
)
Body = dict[str, Any]
Story = list[tuple["Told", Body]]
"""Every output once, in the order of first appearances, with what it says."""


def judged(scene: Scene, written: Mapping[str, int]) -> Verdict:
    """Return what is wrong with a run that is over; `written` are the newest versions of its rules."""
    raw = scene.read(RAW_TOPIC)
    wanted = expected(raw, periods(scene.loaded), msgspec.structs.replace(defaults(scene.loaded), flap=FLAPS))
    told = {topic: found(scene.read(topic)) for topic in (ENRICHED_TOPIC, DEAD_TOPIC)}
    verdict = compare(len(raw), lives(wanted.told), lives(told))
    rows = newest_rows(scene.read(scene.changelog))
    steps = [restored(scene, partition, own_rows) for partition, own_rows in rows.items()]
    first: dict[str, Told] = {}
    two_stories = [one for one in told[ENRICHED_TOPIC] if first.setdefault(one.id, one) != one]
    story = [(one, msgspec.json.decode(one.value or b"")) for one in first.values()]
    verdict.told += Counter(kind(one, body) for one, body in story if not is_life(body))
    verdict.repeated = sum(map(len, told.values())) - len({one.id for all_ in told.values() for one in all_})
    wrong: dict[str, tuple[str, Iterable[object]]] = {
        "one id told two stories": ("differing", ((one, first[one.id]) for one in two_stories)),
        "a rule was lost, or is another version": ("lost", written.items() ^ rules_in(rows).items()),
        "what the state says was told is not what was told last": ("lost", told_otherwise(story, steps)),
        "a timer was missed": ("lost", overdue(steps)),
        "a window's beginning or end was missed, or told twice under different ids": ("lost", windows(story, steps)),
        "a digest was told twice under different ids": ("unexpected", digests_too_soon(story, steps)),
        "a storm's beginning, minute or end was missed, or told twice": (
            "lost",
            storms((body for _, body in story), steps),
        ),
        "a verdict was told out of turn": ("disordered", verdicts_out_of_turn(story)),
        "held wrongly, so that the beginning or the end of a rule was missed": ("rows_differing", held_wrongly(steps)),
        "held too long by what adapts, so that an end was missed": ("rows_differing", held_too_long(steps)),
    }
    for sentence, (count, cases) in wrong.items():
        for case in cases:
            setattr(verdict, count, getattr(verdict, count) + 1)
            verdict.note(f"{sentence}: {case}")
    return verdict


def hidden_by(scene: Scene) -> Counter[str]:
    """Return how many changes each stage hid."""
    bodies = [msgspec.json.decode(record.value or b"") for record in scene.read(ENRICHED_TOPIC)]
    return Counter(stage_of(what) for body in bodies for what in body["suppressed_by"])


def restored(scene: Scene, partition: int, rows: Mapping[bytes, bytes]) -> IngestStep:
    """Return a step that goes on where the workers ended."""
    return IngestStep(
        DictStore(dict(rows)),
        topic=RAW_TOPIC,
        partition=partition,
        partitions=PARTITIONS,
        periods=periods(scene.loaded),
        wall_clock=False,
        defaults=defaults(scene.loaded),
    )


# -- the life of alerts


def is_life(body: Body) -> bool:
    """Say whether a change is the same with rules and without."""
    return body["change"] not in _OF_RULES and body["source"] != own.SOURCE


def lives(told: Mapping[str, Iterable[Told]]) -> Outcome:
    """Return the changes that are the same with rules and without, without what rules add to them."""
    bodies = ((one, msgspec.json.decode(one.value or b"")) for one in told[ENRICHED_TOPIC])
    kept = [one._replace(value=life_in(body)) for one, body in bodies if is_life(body)]
    return Outcome({ENRICHED_TOPIC: kept, DEAD_TOPIC: list(told[DEAD_TOPIC])}, {})


def life_in(body: Body) -> bytes:
    """Return what a change says of its alert's life."""
    return msgspec.json.encode({name: body[name] for name in _OF_LIFE})


def kind(one: Told, body: Body) -> str:
    """Return how an output is counted."""
    change: str = body["change"]
    return change + BY_TIME * dict(one.headers)[ORIGIN].startswith(b"timer/")


# -- what must be in the state, and be told


def rules_in(rows: Mapping[int, Mapping[bytes, bytes]]) -> dict[str, int]:
    """Return the version of each rule in the state."""
    tables = [ControlTable(DictStore(dict(of_partition))) for of_partition in rows.values()]
    return {key.decode(): version_of(value) for table in tables for _, key, _, value in table.rules()}


def open_alerts(step: IngestStep) -> Iterator[Alert]:
    """Yield the alerts that are open at the end."""
    for tenant in step.suppression.tenants.values():
        for key in sorted(tenant.open):
            alert = step.alerts.find(key)
            if alert is not None:
                yield alert


def told_otherwise(story: Story, steps: Iterable[IngestStep]) -> Iterator[str]:
    """Yield the open alerts of which something else was told last than the state says.

    That an alert flaps is told, and holds it from then on.
    """
    last = {(body["tenant_id"], body["fingerprint"]): body for _, body in story}
    for step in steps:
        for alert in open_alerts(step):
            body = last.get((alert.tenant, alert.fingerprint), {"count": 0, "verdict": "none", "change": "none"})
            verdict = "suppressed" if alert.held else "active"
            passes_once = alert.steady_at and body["change"] == "flapping"
            if body["count"] != alert.told_count or (body["verdict"] != verdict and not passes_once):
                yield f"{alert.tenant} {alert.fingerprint}: {verdict} at {alert.told_count} in the state, told {body}"


def overdue(steps: Iterable[IngestStep]) -> Iterator[str]:
    """Yield the open alerts at which time should have looked by the last time that was sealed."""
    for step in steps:
        for alert in open_alerts(step):
            if second_of(lifecycle.due_at(alert, step.periods)) * 1000 <= step.progress.stream_ms:
                yield f"{alert}, at {step.progress.stream_ms}"


def windows(story: Story, steps: Iterable[IngestStep]) -> Iterator[str]:
    """Yield the maintenance windows of which not just those ends were told that time has passed, and once."""
    ends = Counter(
        (body["tenant_id"], body["labels"]["window"], body["change"])
        for _, body in story
        if body["source"] == own.SOURCE and body["name"] == own.MAINTENANCE
    )
    for step in steps:
        came = {key.decode(): at for _, key, at, _ in step.suppression.table.rules()}
        for tenant in step.suppression.tenants.values():
            for rule_id, window in tenant.window_by_id.items():
                assert isinstance(window.schedule, Once)
                began, over = (
                    second_of(at) * 1000 <= step.progress.stream_ms
                    for at in (window.schedule.starts_at, window.schedule.ends_at)
                )
                in_time = came[f"{tenant.name}/maintenance_window/{rule_id}"] < window.schedule.ends_at
                wanted = {"opened": int(began and in_time), "resolved": int(over and in_time)}
                found_ = {change: ends[tenant.name, rule_id, change] for change in wanted}
                if found_ != wanted:
                    yield f"{tenant.name} {rule_id}: {wanted} wanted, {found_} told"


def held_wrongly(steps: Iterable[IngestStep]) -> list[tuple[str, str, str, int]]:
    """Return what holds an open alert and is not active for it, or does not hold one although it is."""
    return [case for step in steps for case in wrongly_held(step)]


# -- what follows from what was told before


def verdicts_out_of_turn(story: Story) -> Iterator[str]:
    """Yield the changes of verdicts that do not follow from what was told before."""
    verdict: dict[tuple[str, str], str] = {}
    for one, body in story:
        alert = body["tenant_id"], body["fingerprint"]
        before = verdict.get(alert)
        if body["change"] == "suppressed" and before == "suppressed":
            yield f"suppressed again: {one}"
        if body["change"] == "unsuppressed" and before == "active":
            yield f"released again: {one}"
        verdict[alert] = body["verdict"]


def digests_too_soon(story: Story, steps: list[IngestStep]) -> Iterator[str]:
    """Yield the digests of nothing new, and those an interval or less after whatever was told before.

    A repeat that begins a burst does not wait, and its record may come late.
    """
    told_at: dict[tuple[str, str], int] = {}
    count: dict[tuple[str, str], int] = {}
    for one, body in story:
        alert = body["tenant_id"], body["fingerprint"]
        if body["change"] == "repeated" and body["source"] != own.SOURCE:
            due = 0 if "burst" in body else told_at[alert] + steps[0].periods.digest
            if one.timestamp < due or body["count"] <= count[alert]:
                yield f"{one}, due at {due}, {count[alert]} told before"
        before = 0 if body["change"] == "opened" else told_at[alert]  # a late record begins a life at its own time
        told_at[alert] = max(one.timestamp, before)
        count[alert] = body["count"]
