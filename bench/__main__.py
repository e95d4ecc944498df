"""All benches, one after the other: `python -m bench`, under twenty minutes."""

from __future__ import annotations

from bench import latency, recovery, storm


def main() -> None:
    """Run them."""
    for bench in (storm, latency, recovery):
        bench.main()


if __name__ == "__main__":
    main()
