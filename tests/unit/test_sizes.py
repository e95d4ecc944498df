from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sizes import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MiB", 64 * 2**20), ("64 mib", 64 * 2**20), ("500kB", 500_000), ("1.5GiB", 3 * 2**29), ("4096", 4096)],
)
def test_a_size_is_read_in_every_notation(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", ["", "MiB", "64M", "-1MiB", "1e3", True, None])
def test_what_is_not_a_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"write 64MiB|the unit M is not known"):
        parse_size(value)


@given(st.integers(min_value=0, max_value=2**40))
def test_a_size_that_is_shown_can_be_read_again(size: int) -> None:
    assert parse_size(format_size(size)) == size
