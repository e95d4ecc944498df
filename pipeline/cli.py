"""The entry point of `core-alerts`."""

from __future__ import annotations

from pipeline.commands.program import program


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    program(prog_name="core-alerts")


if __name__ == "__main__":
    main()
