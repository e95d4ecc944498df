from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.domain.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

ALERT = Subject("DiskFull", {"instance": "db-1", "mount": "/var"}, "critical", "prometheus", {"summary": "no room"})


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("alertname", "DiskFull"),
        ("instance", "db-1"),
        ("mount", "/var"),
        ("severity", "critical"),
        ("source", "prometheus"),
        ("annotations.summary", "no room"),
        ("annotations.runbook", ""),
        ("annotations.", ""),
        ("annotations", ""),
        ("summary", ""),
        ("team", ""),
    ],
)
def test_a_field_is_a_label_the_name_the_severity_the_source_or_an_annotation(field: str, text: str) -> None:
    assert ALERT.get(field) == text


def test_the_fields_are_all_that_an_index_may_look_up() -> None:
    assert ALERT.name == "DiskFull"
    assert ALERT.fields == {
        "instance": "db-1",
        "mount": "/var",
        "alertname": "DiskFull",
        "severity": "critical",
        "source": "prometheus",
    }


def test_a_label_called_severity_or_source_is_what_the_sender_wrote() -> None:
    alert = Subject("A", {"severity": "page", "source": "rack-4"}, "critical", "prometheus")
    assert (alert.get("severity"), alert.get("source")) == ("page", "rack-4")


def test_an_empty_label_is_no_label() -> None:
    alert = Subject("A", {"severity": "", "source": ""}, "critical", "prometheus")
    assert (alert.get("severity"), alert.get("source")) == ("critical", "prometheus")


def test_the_name_of_an_alert_is_its_alertname_whatever_a_label_says() -> None:
    assert Subject("A", {"alertname": "B"}).get("alertname") == "A"


def test_an_alert_without_severity_and_source_is_a_warning_from_nowhere() -> None:
    assert Subject("A", {}).fields == {"alertname": "A", "severity": "warning"}


def test_a_severity_or_source_that_is_not_known_is_no_field() -> None:
    assert Subject("A", {}, severity="", source="").fields == {"alertname": "A"}


def test_the_labels_that_were_given_stay_as_they_are() -> None:
    labels = {"job": "db"}
    Subject("A", labels).fields["job"] = "web"
    assert labels == {"job": "db"}


def test_a_label_with_the_name_of_an_annotation_goes_first() -> None:
    alert = Subject("A", {"annotations.summary": "label"}, annotations={"summary": "annotation"})
    assert alert.get("annotations.summary") == "label"


def test_annotations_are_fetched_once_and_only_when_one_is_asked_for() -> None:
    fetched = []

    def fetch() -> Mapping[str, str]:
        fetched.append("now")
        return {"summary": "no room"}

    alert = Subject("A", {"annotations.team": "db"}, annotations=fetch)
    assert (alert.get("annotations.team"), alert.get("team"), alert.get("alertname"), fetched) == ("db", "", "A", [])
    assert (alert.get("annotations.summary"), alert.get("annotations.runbook")) == ("no room", "")
    assert fetched == ["now"]
