from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.opinion import Opinion, Says
from pipeline.domain.proportion import Proportion
from pipeline.domain.quality import Agreement, IncidentJudge, IncidentTold, NoiseJudge, ScoredChange, Spoken
from pipeline.domain.rule import RuleRef
from pipeline.domain.severity import Severity


def said(says: str, at: int, first_at: int | None = None, **fields: Any) -> Spoken:
    """Return what somebody said at a moment."""
    ref = RuleRef("feedback", f"{says}-{at}", 1, updated_at=at)
    opinion = Opinion(ref, Says(says), **{"name": "Disk", **fields})
    return Spoken(opinion, at if first_at is None else first_at)


def scored(
    at: int,
    noise: float | None,
    fingerprint: str = "f",
    *,
    source: str = "prometheus",
    instance: str = "a",
    severity: Severity = Severity.WARNING,
) -> ScoredChange:
    """Return a change of Disk."""
    return ScoredChange(at, fingerprint, "Disk", source, instance, severity, noise)


def noise_of(opinions: list[Spoken], *changes: ScoredChange, threshold: float = 0.9) -> NoiseJudge:
    """Return a judge that has taken some changes."""
    judge = NoiseJudge(opinions, threshold)
    for change in changes:
        judge.take(change)
    return judge


# -- noise


def test_an_alert_is_judged_by_its_last_score_before_somebody_spoke_of_it() -> None:
    found = noise_of([said("noise", 100)], scored(10, 0.2), scored(50, 0.95), scored(150, 0.1)).judged()
    assert found.alerts == Agreement(right=1)


def test_a_change_at_the_moment_of_an_opinion_is_not_before_it() -> None:
    found = noise_of([said("noise", 100)], scored(99, 0.2), scored(100, 0.95)).judged()
    assert found.alerts == Agreement(missed=1)


def test_what_was_said_of_the_subject_earlier_has_taught_the_score_already() -> None:
    opinion = said("wanted", 300, first_at=100)
    found = noise_of([opinion], scored(50, 0.1), scored(200, 0.97)).judged()
    assert found.alerts == Agreement(rightly_not=1)


def test_every_alert_that_an_opinion_is_about_counts_and_precision_and_recall_follow() -> None:
    opinions = [said("noise", 100, instance="a"), said("wanted", 100, instance="b")]
    changes = [
        scored(1, 0.95, "f1"),
        scored(2, 0.99, "f2"),
        scored(3, 0.5, "f3"),
        scored(4, 0.91, "f4", instance="b"),
        scored(5, 0.1, "f5", instance="b"),
    ]
    alerts = noise_of(opinions, *changes).judged().alerts
    assert (alerts.precision, alerts.recall) == (Proportion(2, 3), Proportion(2, 3))
    assert alerts.rightly_not == 1


def test_the_threshold_itself_counts_as_noise() -> None:
    assert noise_of([said("noise", 9)], scored(1, 0.98), threshold=0.98).judged().alerts == Agreement(right=1)


def test_of_two_opinions_about_one_alert_the_newest_counts() -> None:
    opinions = [said("wanted", 200), said("noise", 100, instance="a")]
    found = noise_of(opinions, scored(50, 0.95), scored(150, 0.2)).judged()
    assert found.alerts == Agreement(rightly_not=1)


@pytest.mark.parametrize(
    ("fields", "is_about"),
    [
        ({}, True),
        ({"source": "prometheus", "instance": "a"}, True),
        ({"source": "zabbix"}, False),
        ({"instance": "b"}, False),
        ({"name": "Memory"}, False),
    ],
)
def test_an_opinion_is_about_what_it_names_and_any_of_what_it_does_not(fields: dict[str, Any], is_about: bool) -> None:
    found = noise_of([said("noise", 100, **fields)], scored(50, 0.95)).judged()
    assert (found.alerts.right, found.unmet) == ((1, 0) if is_about else (0, 1))


def test_an_opinion_about_warnings_is_not_about_what_is_critical() -> None:
    found = noise_of([said("noise", 100)], scored(50, 0.95, severity=Severity.CRITICAL)).judged()
    assert (found.alerts, found.unmet) == (Agreement(), 1)


def test_alerts_without_a_score_and_those_that_came_later_are_counted_apart() -> None:
    found = noise_of([said("noise", 100)], scored(50, None, "f1"), scored(150, 0.9, "f2")).judged()
    assert (found.alerts, found.unscored, found.later) == (Agreement(), 1, 1)


# -- incidents


def told(
    at: int,
    signals: dict[str, str],
    *,
    incident: str = "i1",
    aliases: tuple[str, ...] = (),
    is_whole: bool = False,
    causes: tuple[str, ...] = (),
) -> IncidentTold:
    return IncidentTold(at, incident, aliases, signals, is_whole, causes)


def incidents_of(opinions: list[Spoken], *records: IncidentTold) -> IncidentJudge:
    """Return a judge that has taken some records."""
    judge = IncidentJudge(opinions)
    for record in records:
        judge.take(record)
    return judge


def test_joins_are_right_wrong_or_missed_and_each_is_counted_by_its_strongest_reason() -> None:
    opinions = [
        said("belongs", 100, incident="i1", fingerprint="in"),
        said("does_not_belong", 100, incident="i1", fingerprint="wrong"),
        said("belongs", 100, incident="i1", fingerprint="missed"),
        said("does_not_belong", 100, incident="i1", fingerprint="rightly"),
    ]
    records = [told(10, {"in": "topology"}), told(20, {"wrong": "temporal"}), told(150, {"missed": "labels"})]
    found = incidents_of(opinions, *records).grouping()
    assert found.joins == Agreement(right=1, wrong=1, missed=1, rightly_not=1)
    assert found.by_signal == {"temporal": Proportion(0, 1), "topology": Proportion(1, 1)}


def test_an_alert_that_a_whole_record_no_longer_lists_is_no_member_any_more() -> None:
    opinions = [said("belongs", 100, incident="i1", fingerprint="f")]
    joined, other = told(10, {"f": "labels"}), told(20, {"g": "labels"})
    assert incidents_of(opinions, joined, other).grouping().joins == Agreement(right=1)
    split = told(30, {"g": "labels"}, is_whole=True)
    assert incidents_of(opinions, joined, other, split).grouping().joins == Agreement(missed=1)


def test_an_incident_that_was_merged_is_known_by_its_old_name() -> None:
    opinions = [said("belongs", 100, incident="young", fingerprint="f")]
    merged = told(50, {"f": "text", "g": "first"}, incident="old", aliases=("young",), is_whole=True)
    assert incidents_of(opinions, merged).grouping().joins == Agreement(right=1)


def test_who_was_put_into_an_incident_by_what_people_said_is_no_join_of_ours() -> None:
    opinions = [said("belongs", 100, incident="i1", fingerprint="f")]
    found = incidents_of(opinions, told(10, {"f": "said"})).grouping()
    assert (found.joins, found.by_feedback) == (Agreement(), 1)


def test_an_incident_of_which_nothing_was_told_before_is_not_judged() -> None:
    opinions = [
        said("belongs", 100, incident="i1", fingerprint="f"),
        said("root_cause", 100, incident="i1", node="db"),
    ]
    judge = incidents_of(opinions, told(100, {"f": "labels"}, causes=("db",)))
    assert (judge.grouping().unmet, judge.causes().unmet) == (1, 1)
    assert (judge.grouping().joins, judge.causes().ranks) == (Agreement(), {})


def test_a_root_cause_is_judged_by_its_rank_in_what_was_told_last_before() -> None:
    opinions = [
        said("root_cause", 100, incident="i1", node="db"),
        said("root_cause", 100, incident="i2", node="db"),
        said("root_cause", 100, incident="i3", node="db"),
        said("root_cause", 100, incident="i4", node="db"),
    ]
    records = [
        told(10, {}, incident="i1", causes=("cart", "db")),
        told(20, {}, incident="i1", causes=("db", "cart")),
        told(110, {}, incident="i1", causes=("cart",)),
        told(10, {}, incident="i2", causes=("cart", "web", "db")),
        told(10, {}, incident="i3", causes=("cart", "web", "node", "db")),
        told(10, {}, incident="i4", causes=("cart",)),
    ]
    found = incidents_of(opinions, *records).causes()
    assert found.ranks == {0: 1, 1: 1, 3: 1, 4: 1}
    assert (found.first, found.among_three) == (Proportion(1, 4), Proportion(2, 4))
