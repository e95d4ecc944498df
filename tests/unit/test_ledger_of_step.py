"""The ledger as the ingest step itself writes it, told again by what reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.ingest import ENRICHED_TOPIC
from agents.suppress.defaults import Defaults
from pipeline.domain.timestamps import to_text
from pipeline.ledger.entries import Ledger
from pipeline.ledger.hidden import HiddenDay, HiddenDays
from pipeline.ledger.rule_versions import RuleVersions
from pipeline.ledger.why import tell
from pipeline.ledger.why_search import Search, Wanted
from pipeline.ledger.why_text import story_lines
from tests.step_driver import HOUR, MINUTE, SECOND, T0, Driver, control, firing, resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.entries import Entry
    from tests.step_driver import Record

DAY = 24 * HOUR
SILENCE = {"matchers": ["alertname=HighCPU"], "starts_at": to_text(T0), "ends_at": to_text(T0 + HOUR)}
WINDOW = {
    "matchers": ["alertname=HighCPU"],
    "starts_at": to_text(T0 + 4 * MINUTE),
    "ends_at": to_text(T0 + 9 * MINUTE),
}


class Scene:
    """A step, and the topic control as it was written."""

    def __init__(self) -> None:
        self.driver = Driver(defaults=Defaults())
        self.versions = RuleVersions(are_known=True)
        self._offset = 0

    def rule(self, record: Record) -> None:
        """Let a rule come into force at its time."""
        self.driver.step.advance(record.timestamp)
        self.versions.take(record.key, record.value)
        self.driver.take_control(record)

    def alerts(self, *records: Record) -> None:
        """Let alerts come."""
        self.driver.take(records)

    def until(self, at: int) -> None:
        """Let time pass."""
        self.driver.step.advance(at)
        self.driver.checkpoint()
        self.driver.take([])

    def entries(self) -> Iterator[Entry]:
        """Yield what left."""
        ledger = Ledger("acme")
        for topic, output in self.driver.left:
            entry = ledger.take(output.key, output.value, output.timestamp)
            assert topic == ENRICHED_TOPIC
            assert entry is not None
            yield entry

    def story(self, name: str) -> str:
        """Return the time line of an alert."""
        search = Search(Wanted.parse(f"name={name}"))
        for entry in self.entries():
            search.take(entry)
        assert search.only is not None
        lines = list(story_lines(tell(search.only.entries, search.own, self.versions)))
        return "".join(f"{line}\n" for line in lines[lines.index("") + 1 :])


def test_a_silence_and_a_window_are_told_with_their_ends() -> None:
    scene = Scene()
    scene.alerts(firing(0, T0))
    scene.rule(control(0, "silence", "db", SILENCE, at=T0 + MINUTE))
    scene.rule(control(1, "maintenance_window", "w1", WINDOW, at=T0 + 2 * MINUTE, comment="racks"))
    scene.alerts(*(firing(n, T0 + n * MINUTE) for n in range(1, 6)))
    scene.rule(
        control(2, "silence", "db", None, version=2, author="bob", comment="done", at=T0 + 5 * MINUTE + 30 * SECOND)
    )
    scene.alerts(*(firing(n, T0 + n * MINUTE) for n in range(6, 11)), resolved(11, T0 + 11 * MINUTE))
    told = scene.story("HighCPU")
    silenced = "silence db (version 1, by ada: upgrade)"
    in_window = "maintenance window w1 (version 1, by ada: racks)"
    for line in (
        "2023-11-14T22:13:20Z  opened, warning, 1×: shown\n",
        f"2023-11-14T22:14:20Z  suppressed, warning, 1×: hidden by silence:db\n"
        f"    It was shown before; it is hidden from now on.\n    Hidden by {silenced}.\n",
        "2023-11-14T22:17:20Z  MaintenanceWindow began\n    Maintenance w1 by ada until 2023-11-14T22:22:20Z: racks\n",
        "hidden by silence:db, maintenance:w1\n    It still fires; its repeats are told together.\n"
        f"    Still hidden by {silenced}.\n    Still hidden by {in_window}.\n",
        "    Silence db was deleted (version 2, by bob: done).\n    Still hidden by maintenance window w1",
        "  MaintenanceWindow ended\n",
        "2023-11-14T22:22:20Z  unsuppressed, warning, ",
        "    Maintenance window w1 no longer holds it: it is over.\n",
        "2023-11-14T22:24:20Z  resolved, warning, ",
    ):
        assert line in told


def test_an_alert_that_flaps_is_told_in_few_lines_and_how_often_it_was_hidden() -> None:
    scene = Scene()
    ups_and_downs = [
        (firing if n % 2 == 0 else resolved)(n, T0 + n * SECOND, name="Flappy", severity="warning") for n in range(40)
    ]
    scene.alerts(*ups_and_downs)
    scene.until(T0 + 2 * HOUR)
    told = scene.story("Flappy")
    assert "  flapping, warning, " in told
    assert "resolved 17 times, reopened 16 times, warning, 1×: hidden by flapping\n    Hidden while it flaps" in told
    assert "  steady, warning, 1×: shown\n    It no longer goes back and forth: this is its state.\n" in told
    assert len(told.splitlines()) < 40


def test_what_was_hidden_in_a_day_is_counted_alike_by_the_step_and_from_its_records() -> None:
    scene = Scene()
    scene.rule(control(0, "silence", "db", {**SILENCE, "ends_at": to_text(T0 + 2 * DAY)}, at=T0))
    scene.alerts(*(firing(n, T0 + n * MINUTE, severity=("warning", "error")[n % 2]) for n in range(10)))
    today = HiddenDays()
    for entry in scene.entries():
        today.take(entry)
    scene.until(T0 + DAY)
    later = HiddenDays()
    for entry in scene.entries():
        later.take(entry)
    (counted,), (reported,) = today.days("2023-11-14"), later.days("2023-11-14")
    assert counted == HiddenDay("2023-11-14", False, {"silence:db": 10})
    # The alert was not repeated after that: its end is hidden too, before the day is over.
    assert reported == HiddenDay("2023-11-14", True, {"silence:db": 11})
