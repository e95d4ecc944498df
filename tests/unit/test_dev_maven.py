from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.dev.maven import mirror_of_central, repositories

if TYPE_CHECKING:
    from pathlib import Path

MIRROR = "https://mirror.example/maven"


@pytest.mark.parametrize(
    ("covered", "found"),
    [
        ("central", MIRROR),
        ("*", MIRROR),
        ("external:*", MIRROR),
        ("snapshots,central", MIRROR),
        ("*,!central", None),
        ("snapshots", None),
    ],
)
@pytest.mark.parametrize("namespace", ["", ' xmlns="urn:maven-settings"'])
def test_a_mirror_counts_if_it_covers_central(tmp_path: Path, covered: str, found: str | None, namespace: str) -> None:
    file = tmp_path / "settings.xml"
    mirror = f"<mirror><mirrorOf>{covered}</mirrorOf><url>{MIRROR}/</url></mirror>"
    file.write_text(f"<settings{namespace}><mirrors>{mirror}</mirrors></settings>")
    assert mirror_of_central(file) == found
    assert (repositories(file) == {"mirror": MIRROR}) is (found is not None)


@pytest.mark.parametrize("text", [None, "", "<settings>", "<settings/>"])
def test_without_readable_settings_central_is_asked(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "settings.xml"
    if text is not None:
        file.write_text(text)
    assert mirror_of_central(file) is None
    assert list(repositories(file))[-1] == "central"
