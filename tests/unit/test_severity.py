from __future__ import annotations

import pytest

from pipeline.domain.severity import LABELS, Severity, known_spellings, severity_of

C, E, W, I, N = Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO, Severity.NONE  # noqa: E741


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("critical", C),
        ("error", E),
        ("warning", W),
        ("info", I),
        ("none", N),
        ("page", C),
        ("high", E),
        ("major", E),
        ("medium", W),
        ("minor", W),
        ("low", I),
        ("P1", C),
        ("P2", E),
        ("P3", W),
        ("P4", I),
        ("P5", N),
        ("5", C),
        ("4", E),
        ("3", W),
        ("2", W),
        ("1", I),
        ("0", N),
        (5, C),
        (4, E),
        (3, W),
        (2, W),
        (1, I),
        (0, N),
        (" Critical ", C),
        ("WARNING", W),
    ],
)
def test_every_spelling_means_one_severity(spelling: str | int, meant: Severity) -> None:
    assert severity_of(spelling) is meant


def test_no_severity_is_a_warning() -> None:
    assert severity_of(None) is Severity.WARNING


@pytest.mark.parametrize("spelling", ["", "fatal", "6", "-1", 6, -1, "p0", "p6", "crit ical"])
def test_an_unknown_word_means_nothing(spelling: str | int) -> None:
    assert severity_of(spelling) is None


def test_worse_is_higher_and_each_rank_has_its_name() -> None:
    assert sorted(Severity) == [N, I, W, E, C]
    assert [severity.label for severity in sorted(Severity)] == list(LABELS)
    assert LABELS == ("none", "info", "warning", "error", "critical")


def test_the_table_of_spellings_is_what_is_accepted_and_a_copy() -> None:
    table = known_spellings()
    assert all(severity_of(spelling) is severity for spelling, severity in table.items())
    table["fatal"] = Severity.CRITICAL
    assert severity_of("fatal") is None
