"""docs/figures.md says what bench/results hold, and nothing else."""

from __future__ import annotations

from bench.figures import PAGE, page


def test_the_page_of_figures_is_what_the_results_say() -> None:
    assert PAGE.read_text() == page(), "run `python -m bench.figures`"
