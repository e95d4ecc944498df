from __future__ import annotations

import pytest

from pipeline.domain.errors import ConfigurationError
from pipeline.topic_range import moment_of

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", NOW - 2 * 3_600_000),
        ("1d12h", NOW - 36 * 3_600_000),
        ("PT5M", NOW - 300_000),
        ("90", NOW - 90_000),
        ("2025-12-31T23:00:00Z", NOW - 3_600_000),
        ("2026-01-01T02:00:00.250+01:00", NOW + 3_600_250),
    ],
)
def test_a_moment_is_a_time_with_its_offset_or_how_long_ago_it_was(text: str, moment: int) -> None:
    assert moment_of("--since", text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-01-01", "2026-01-01T00:00:00", "-5m", "", "100000w", "1960-01-01T00:00:00Z"]
)
def test_what_is_no_moment_is_refused_by_the_name_of_its_option(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--until: .* is no time\. Write 2026-"):
        moment_of("--until", text, NOW)
