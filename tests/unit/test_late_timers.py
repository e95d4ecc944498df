"""Timers of alerts that came late: they were due long ago, and what they cause for other alerts is decided now."""

from __future__ import annotations

from typing import Any

from pipeline.domain.timestamps import to_text
from tests.held_alerts import wrongly_held
from tests.step_driver import SECOND, T0, body, control, firing, make_step, process

INHIBIT: dict[str, Any] = {
    "source_matchers": ['severity="critical"'],
    "target_matchers": ['severity="info"'],
    "equal": ["service"],
}
SILENCE: dict[str, Any] = {
    "matchers": ['severity="info"'],
    "starts_at": to_text(T0 + 60 * SECOND),
    "ends_at": to_text(T0 + 120 * SECOND),
}
LABELS = {"service": "shop"}


def test_the_end_of_an_alert_that_came_late_releases_nothing_that_a_silence_hides_by_now() -> None:
    step = make_step()
    process(step, firing(0, T0, name="Slow", severity="info", labels=LABELS))
    step.seal_control([control(0, "inhibit_rule", "i", INHIBIT), control(1, "silence", "s", SILENCE)])
    step.apply_control()
    process(step, firing(1, T0 + 90 * SECOND, name="Slow", severity="info", labels=LABELS))
    late = {"name": "Down", "severity": "critical", "labels": LABELS, "ends_at": to_text(T0 + 20 * SECOND)}
    process(step, firing(2, T0 + 10 * SECOND, **late))
    process(step, firing(3, T0 + 95 * SECOND, name="Other"))

    told = [(said["name"], said["change"], said["suppressed_by"]) for said in map(body, step.take_emitted().enriched)]
    assert told == [
        ("Slow", "opened", []),
        ("Slow", "suppressed", ["silence:s"]),
        ("Down", "opened", []),
        ("Down", "expired", []),
        ("Other", "opened", []),
    ]
    assert wrongly_held(step) == []


def test_what_a_late_alert_causes_has_another_id_than_what_its_second_has_caused_already() -> None:
    step = make_step()
    process(step, firing(0, T0, name="Slow", severity="info", labels=LABELS))
    silence = {**SILENCE, "starts_at": to_text(T0 + 1 * SECOND), "ends_at": to_text(T0 + 60 * SECOND)}
    step.seal_control([control(0, "inhibit_rule", "i", INHIBIT), control(1, "silence", "s", silence)])
    step.apply_control()
    process(step, firing(1, T0 + 90 * SECOND, name="Other"))
    late = {"name": "Down", "severity": "critical", "labels": LABELS, "ends_at": to_text(T0 + 60 * SECOND)}
    process(step, firing(2, T0 + 10 * SECOND, **late))
    process(step, firing(3, T0 + 95 * SECOND, name="Other"))

    enriched = step.take_emitted().enriched
    of_slow = [said["change"] for said in map(body, enriched) if said["name"] == "Slow"]
    assert of_slow == ["opened", "suppressed", "unsuppressed", "suppressed", "unsuppressed"]
    assert len({body(one)["id"] for one in enriched}) == len(enriched)
