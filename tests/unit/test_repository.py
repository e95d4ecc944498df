"""What must hold for the repository itself: its locks, its documents, and what nobody may find in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from agents.ingest import IngestStep
from pipeline.app import defaults
from pipeline.commands.program import program
from pipeline.domain.partitioner import partition_of
from pipeline.settings import load_settings
from pipeline.version import VERSION
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Sequence


ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
NOT_OURS = {".git", ".venv", ".core-alerts", "__pycache__", "node_modules", "dist"}
# The beginnings of registries' addresses, and of folders that exist on one machine only.
REGISTRIES = re.compile(
    r"https?://[^\s/]*(?:pypi|pythonhosted|npmjs|crates\.io|repo\d*\.maven|proxy\.golang|deb\.debian)"
)
MACHINE_PATHS = re.compile(r"(?<![\w.~/])/(?:work|root|home/\w+|Users/\w+)/")


def _files() -> list[Path]:
    """Return the project's own files: git's word for it where there is a git, else all that is not a product."""
    git = shutil.which("git")
    if git is not None and (ROOT / ".git").exists():
        command = [git, "ls-files", "-co", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not NOT_OURS & set(path.relative_to(ROOT).parts)]


def _texts() -> dict[str, str]:
    texts = {}
    for path in _files():
        content = path.read_bytes()
        if path != Path(__file__).resolve() and b"\0" not in content[:1000]:
            texts[path.relative_to(ROOT).as_posix()] = content.decode("utf-8", "replace")
    return texts


def _hits(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_registry() -> None:
    assert _hits(REGISTRIES, _texts()) == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert _hits(MACHINE_PATHS, _texts()) == []


def _requirements(lock: str) -> dict[str, str]:
    """Return each requirement of a lock with its version and its hashes, joined from their lines."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {line.split("==")[0]: line for line in lines}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_of_a_lock_is_exact_and_has_hashes(lock: str) -> None:
    wanted = re.compile(r"[a-z0-9-]+==\S+(?: +; [^\\]+?)?(?: +--hash=sha256:[0-9a-f]{64})+ *")
    assert [line[:80] for line in _requirements(lock).values() if not wanted.fullmatch(line)] == []


def _version(requirement: str) -> str:
    return requirement.split("==")[1].split()[0]


def test_both_locks_pin_the_same_versions() -> None:
    served, developed = _requirements(LOCKS[0]), _requirements(LOCKS[1])
    assert {name: _version(line) for name, line in served.items()} == {
        name: _version(developed[name]) for name in served
    }


def test_the_locks_have_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    for lock, wanted in (
        (LOCKS[0], [*project["project"]["dependencies"], *groups["build"]]),
        (LOCKS[1], [*project["project"]["dependencies"], *groups["build"], *groups["dev"], *groups["bench"]]),
    ):
        names = {re.split(r"[^A-Za-z0-9_.-]", one)[0].lower() for one in wanted}
        assert names - _requirements(lock).keys() == set()


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION
    assert VERSION in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_installed_distribution_owns_a_package_of_ours() -> None:
    owners = packages_distributions()
    assert {owner for ours in ("pipeline", "agents", "tables", "models") for owner in owners.get(ours, ())} <= {
        "core-alerts"
    }


def _markdown() -> list[str]:
    return sorted(name for name in _texts() if name.endswith(".md"))


def _prose(name: str) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"```.*?```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = []
    for name in _markdown():
        for link in re.findall(r"\]\(([^)\s]+)\)", _prose(name)):
            if "://" in link:
                continue
            target, _, anchor = link.partition("#")
            path = (ROOT / name).parent / target if target else ROOT / name
            if not path.exists() or (anchor and anchor not in _anchors(path)):
                broken.append(f"{name}: {link}")
    assert broken == []


def test_every_make_command_in_a_document_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {
        target
        for name in _markdown()
        for target in re.findall(
            r"(?:^|`)make ([a-z-]+)", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE
        )
    }
    assert {"demo", "test"} <= named <= targets


def _commands(command: object, path: str = "") -> set[str]:
    """Return the names of all commands below `command` that do something themselves."""
    below = getattr(command, "commands", None)
    if below is None:
        return {path.strip()}
    return {name for one, child in below.items() for name in _commands(child, f"{path} {one}")}


def test_the_readme_lists_every_command() -> None:
    rows = re.findall(r"^\| (`[a-z].*?) \|", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    listed = {re.sub(r"( [A-Z]+)+$", "", name) for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert listed == _commands(typer.main.get_command(program))


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    names = sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\)", _prose("docs/adr/README.md"), flags=re.MULTILINE)
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]
    assert listed == [(name[:4], name) for name in names]


@dataclass
class _Sent:
    """A record as a consumer hands it over."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


def test_the_readme_shows_what_the_agent_makes_of_its_alert() -> None:
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    at = int(datetime(2026, 11, 23, 6, 0, 1, tzinfo=UTC).timestamp() * 1000)
    place = partition_of("acme", 4)
    step = IngestStep(
        DictStore(), topic="alerts.raw", partition=place, partitions=4, defaults=defaults(load_settings(None, {}))
    )
    step.seal(at, tick=False)
    step.process([_Sent(0, at, b"acme", blocks[0].encode())], 0)
    (output,) = step.take_emitted().enriched
    assert output.value is not None
    assert json.loads(output.value) == json.loads(blocks[1])
