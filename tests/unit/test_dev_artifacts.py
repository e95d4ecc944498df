from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.dev.artifacts import cache_dir, ensure_jars
from pipeline.dev.lock import KafkaLock, LockedJar
from pipeline.domain.errors import InfrastructureError

CONTENT = {"server": b"the server", "clients": b"the clients"}
JARS = tuple(LockedJar("org.example", name, "1.0", sha256(content).hexdigest()) for name, content in CONTENT.items())
LOCK = KafkaLock("4.0", JARS)
NAMES = ["server-1.0.jar", "clients-1.0.jar"]


@dataclass
class Repository:
    """Stands in for Maven: hands out `content`, in turn where there are several answers, and remembers who asked."""

    content: dict[str, list[bytes | Exception]] = field(
        default_factory=lambda: {name: [content] for name, content in CONTENT.items()}
    )
    asked: list[str] = field(default_factory=list)

    def __call__(self, jar: LockedJar, folder: Path) -> Path:
        self.asked.append(jar.artifact)
        answers = self.content[jar.artifact]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        folder.mkdir(parents=True)
        path = folder / jar.filename
        path.write_bytes(answer)
        return path


def names_of(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_jars_are_fetched_once(tmp_path: Path) -> None:
    repository, said = Repository(), list[str]()
    for _ in range(2):
        assert names_of(ensure_jars(said.append, lock=LOCK, cache=tmp_path, fetch=repository)) == NAMES
    assert sorted(repository.asked) == ["clients", "server"]
    assert said == [f"Fetching Apache Kafka 4.0: 2 of 2 jars, into {tmp_path / 'kafka-4.0'}"]


@pytest.mark.parametrize("damage", [b"the ser", b"THE SERVER", b""], ids=["cut short", "altered", "empty"])
def test_a_damaged_jar_is_fetched_again_and_only_that_one(tmp_path: Path, damage: bytes) -> None:
    server, _ = ensure_jars(print, lock=LOCK, cache=tmp_path, fetch=Repository())
    server.write_bytes(damage)
    repository = Repository()
    ensure_jars(print, lock=LOCK, cache=tmp_path, fetch=repository)
    assert repository.asked == ["server"]
    assert server.read_bytes() == b"the server"


def test_a_jar_that_was_there_before_the_list_of_verified_ones_is_read_and_kept(tmp_path: Path) -> None:
    ensure_jars(print, lock=LOCK, cache=tmp_path, fetch=Repository())
    (tmp_path / "kafka-4.0" / "verified.json").write_text("[")
    repository = Repository()
    ensure_jars(print, lock=LOCK, cache=tmp_path, fetch=repository)
    assert repository.asked == []


def test_a_download_that_breaks_off_or_arrives_altered_is_tried_again(tmp_path: Path) -> None:
    repository = Repository(
        {"server": [OSError("connection reset"), b"the serv", b"the server"], "clients": [b"the clients"]}
    )
    server, _ = ensure_jars(print, lock=LOCK, cache=tmp_path, fetch=repository)
    assert server.read_bytes() == b"the server"
    assert repository.asked.count("server") == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(OSError("no route to host"), "no route to host"), (b"a login page", "SHA-256 .* where the lock says")],
)
def test_a_jar_that_cannot_be_had_is_named_with_what_to_do_and_leaves_nothing_half_done(
    tmp_path: Path, answer: bytes | Exception, reason: str
) -> None:
    repository = Repository({"server": [answer], "clients": [b"the clients"]})
    with pytest.raises(InfrastructureError, match=rf"(?s)server-1\.0\.jar.*{reason}.*HTTPS_PROXY.*CORE_ALERTS_BROKER"):
        ensure_jars(print, lock=LOCK, cache=tmp_path, fetch=repository)
    assert repository.asked.count("server") == 3
    folder = tmp_path / "kafka-4.0"
    assert {path.name for path in folder.iterdir()} <= {"fetch.lock", "clients-1.0.jar"}
    ensure_jars(print, lock=LOCK, cache=tmp_path, fetch=Repository())


def test_the_cache_is_where_the_environment_says() -> None:
    assert cache_dir({"CORE_ALERTS_CACHE_DIR": "/fast", "XDG_CACHE_HOME": "/xdg"}) == Path("/fast")
    assert cache_dir({"XDG_CACHE_HOME": "/xdg"}) == Path("/xdg/core-alerts")
    assert cache_dir({}) == Path.home() / ".cache" / "core-alerts"
