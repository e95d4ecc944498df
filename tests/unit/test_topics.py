from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.topics import ALERTS_DLQ, ALERTS_RAW, CATALOGUE, CONTROL, Topic, changelog_topic

RECORD_LIMIT = 256 * 1024


def test_the_catalogue_has_every_topic_of_the_design_once() -> None:
    assert sorted(topic.name for topic in CATALOGUE) == [
        "alerts.correlated",
        "alerts.dlq",
        "alerts.enriched",
        "alerts.raw",
        "audit",
        "control",
        "notifications",
        "notifications.status",
        "remediation.commands",
        "remediation.results",
    ]


@pytest.mark.parametrize(
    ("name", "days"),
    [("alerts.raw", 7), ("alerts.enriched", 7), ("notifications", 7), ("alerts.correlated", 30), ("alerts.dlq", 30)],
)
def test_records_stay_as_long_as_the_design_says(name: str, days: int) -> None:
    (topic,) = [one for one in CATALOGUE if one.name == name]
    assert topic.configs()["retention.ms"] == str(days * 24 * 60 * 60 * 1000)


def test_control_alone_is_compacted_and_never_expires() -> None:
    assert [topic.name for topic in CATALOGUE if topic.cleanup == "compact"] == ["control"]
    assert CONTROL.configs() == {
        "cleanup.policy": "compact",
        "message.timestamp.type": "CreateTime",
        "min.compaction.lag.ms": "604800000",  # as long as alerts.raw is kept
        "segment.ms": "3600000",
        "delete.retention.ms": "604800000",
    }


def test_every_topic_keeps_the_time_its_producer_gave() -> None:
    assert {topic.configs()["message.timestamp.type"] for topic in CATALOGUE} == {"CreateTime"}


@pytest.mark.parametrize("topic", [ALERTS_RAW, ALERTS_DLQ], ids=lambda topic: str(topic.name))
def test_an_alert_of_the_largest_size_fits_with_what_is_wrapped_around_it(topic: Topic) -> None:
    # A dead letter may carry the bytes as base64, which is a third more.
    assert int(topic.configs()["max.message.bytes"]) >= 4 * RECORD_LIMIT


def test_a_changelog_is_compacted_but_keeps_each_change_for_a_while() -> None:
    configs = changelog_topic("core-alerts-ingest-state-changelog", timedelta(minutes=2)).configs()
    assert configs["cleanup.policy"] == "compact"
    assert configs["min.compaction.lag.ms"] == "120000"
    assert "retention.ms" not in configs
