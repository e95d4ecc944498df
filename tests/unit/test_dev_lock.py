from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.dev.lock import LOCK_FILE, KafkaLock, LockedJar, load_lock, render_lock

if TYPE_CHECKING:
    from pathlib import Path


def test_the_lock_that_ships_pins_every_jar_by_version_and_hash() -> None:
    lock = load_lock()
    names = {jar.artifact: jar for jar in lock.jars}
    assert names["kafka_2.13"].version == names["kafka-clients"].version == lock.kafka
    assert "log4j-slf4j-impl" in names  # without it Kafka logs nothing
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in lock.jars)
    assert len({jar.filename for jar in lock.jars}) == len(lock.jars) > 40


def test_a_lock_reads_back_as_it_was_written(tmp_path: Path) -> None:
    lock = KafkaLock("4.0", (LockedJar("a", "b", "1", "00"), LockedJar("a", "c", "2", "11")))
    file = tmp_path / "lock.json"
    file.write_text(render_lock(lock))
    assert load_lock(file) == lock
    assert render_lock(load_lock()) == LOCK_FILE.read_text()
