"""Quality of what the steps themselves told, held against the feedback that they learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agents.suppress.defaults import Defaults
from pipeline.domain.fingerprint import fingerprint_of
from pipeline.domain.proportion import Proportion
from pipeline.ledger.entries import Ledger
from pipeline.ledger.incidents import IncidentLedger
from pipeline.ledger.opinions import Opinions
from pipeline.ledger.quality import QualityReading
from pipeline.ledger.why_scores import FEATURES
from tests.correlate_driver import CorrelateDriver, change
from tests.step_driver import MINUTE, SECOND, T0, Driver, Record, control, firing

if TYPE_CHECKING:
    from pipeline.ledger.entries import Entry
    from pipeline.ledger.quality import Quality

_LAST = T0 + 20 * MINUTE


def opinion(number: int, host: str, at: int, *, says: str = "noise") -> Record:
    spec = {"says": says, "name": "Disk", "source": "prometheus", "instance": host}
    return control(number, "feedback", f"o-{number}", spec, at=at)


def alert(number: int, at: int, host: str, *, severity: str = "warning", label: str = "instance") -> Record:
    return firing(number, at, name="Disk", source="prometheus", severity=severity, labels={label: host})


def entries_of(driver: Driver) -> list[Entry]:
    ledger = Ledger("acme")
    taken = [ledger.take(left.output.key, left.output.value, left.output.timestamp) for left in driver.left]
    return [entry for entry in taken if entry is not None]


def quality(driver: Driver, *said: Record, threshold: float) -> Quality:
    opinions = Opinions("acme")
    for record in said:
        opinions.take(record.key, record.value)
    reading = QualityReading("acme", opinions, threshold)
    for entry in entries_of(driver):
        reading.take_change(entry)
    return reading.quality()


def test_an_alert_counts_by_the_score_it_had_before_people_spoke_of_it_and_the_first_ones_had_none() -> None:
    driver = Driver(defaults=Defaults(scores=True))
    driver.take([alert(n, T0 + n * SECOND, f"web-{n}") for n in range(3)])
    taught = [opinion(n, f"web-{n}", T0 + MINUTE + n) for n in range(3)]
    driver.step.advance(T0 + MINUTE + 10)
    driver.take_control(*taught)
    driver.take([alert(3, T0 + 2 * MINUTE, "db-1"), alert(4, T0 + 3 * MINUTE, "db-2", label="host")])
    driver.step.advance(_LAST)
    later = [opinion(3, "db-1", _LAST), opinion(4, "db-2", _LAST, says="wanted")]
    driver.take_control(*later)
    driver.take([alert(5, _LAST + MINUTE, "db-1", severity="error")])
    found = quality(driver, *taught, *later, threshold=0.9)
    precision, recall = found.measures[:2]
    assert Proportion(precision.hits, precision.of) == Proportion(1, 2)
    assert Proportion(recall.hits, recall.of) == Proportion(1, 1)
    assert [(one.what, one.count) for one in found.not_judged] == [("noise", 3)]


def test_every_reason_that_the_step_tells_has_a_sentence_of_its_own() -> None:
    driver = Driver(defaults=Defaults(scores=True))
    driver.take([alert(n, T0 + n * SECOND, f"web-{n}") for n in range(30)])
    driver.take_control(*(opinion(n, f"web-{n}", T0 + MINUTE) for n in range(3)))
    driver.take([alert(30 + n, T0 + (n + 2) * MINUTE, f"web-{n}", severity="error") for n in range(9)])
    records = [entry.record for entry in entries_of(driver)]
    told = {(score, one.feature) for record in records for score, of in record.score_reasons.items() for one in of}
    assert {("anomaly", "novelty"), ("noise", "name"), ("noise", "instance")} <= told
    assert told <= FEATURES.keys()


def incident_quality(driver: CorrelateDriver, *said: Record) -> dict[tuple[str, str], Proportion]:
    """Return the measures of incidents that are of anything, from all that left."""
    opinions = Opinions("acme")
    for record in said:
        opinions.take(record.key, record.value)
    reading, ledger = QualityReading("acme", opinions), IncidentLedger("acme")
    for left in driver.left:
        told = ledger.take(left.output.value)
        if told is not None:
            reading.take_incident(told)
    return {(one.what, one.measure): Proportion(one.hits, one.of) for one in reading.quality().measures if one.of}


def test_an_incident_counts_as_it_was_before_people_moved_its_alerts() -> None:
    driver = CorrelateDriver()
    driver.take(change(0, T0, "Slow", host="web-1"), change(1, T0 + SECOND, "Down", host="web-1"))
    incident = msgspec.json.decode(driver.left[0].output.value or b"")["incident"]
    spec = {"says": "does_not_belong", "incident": incident, "fingerprint": fingerprint_of("Down", {"host": "web-1"})}
    said = control(0, "feedback", "o-1", spec, at=T0 + MINUTE)
    cause = control(1, "feedback", "o-2", {"says": "root_cause", "incident": incident, "node": "web-1"}, at=T0 + MINUTE)
    driver.pass_time(T0 + MINUTE)
    driver.take_control(said, cause)
    moved = [left for left in driver.left if b'"split"' in (left.output.value or b"")]
    assert moved
    assert incident_quality(driver, said, cause) == {
        ("grouping", "precision"): Proportion(0, 1),
        ("grouping", "precision, labels"): Proportion(0, 1),
        ("root cause", "named first"): Proportion(1, 1),
        ("root cause", "named in three"): Proportion(1, 1),
    }
