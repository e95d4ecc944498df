"""Spellings of severities: looked up once, and no more of them held than a bound."""

from __future__ import annotations

import pytest

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection
from pipeline.domain.severity import Severity
from pipeline.schemas.spellings import KEPT, Spellings


def test_a_spelling_that_was_met_is_held() -> None:
    spellings = Spellings()
    assert spellings[" P1 "] is Severity.CRITICAL
    assert spellings[None] is Severity.WARNING
    assert spellings == {" P1 ": Severity.CRITICAL, None: Severity.WARNING}


def test_a_spelling_that_means_nothing_is_refused_each_time_and_not_held() -> None:
    spellings = Spellings()
    for _ in range(2):
        with pytest.raises(RejectedRecordError, match="severity 'fatal': wanted one of none, info") as refused:
            spellings["fatal"]
        assert refused.value.reason is Rejection.UNKNOWN_SEVERITY
    assert spellings == {}


def test_however_many_spellings_there_are_no_more_than_a_thousand_are_held() -> None:
    spellings = Spellings()
    for number in range(KEPT + 10):
        assert spellings["page" + " " * number] is Severity.CRITICAL
    assert len(spellings) == KEPT == 1000
