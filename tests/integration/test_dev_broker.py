from __future__ import annotations

import os
import signal
import socket
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from pipeline.dev.broker import Broker, start, status, stop
from pipeline.dev.processes import birth_of, wait_until
from pipeline.dev.state import Home, load_record, save_record
from pipeline.domain.errors import InfrastructureError
from pipeline.kafka_connection import KafkaConnection
from pipeline.topic_admin import create_topics
from pipeline.topics import ALERTS_RAW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

RECORDS = [b"one", b"two", b"three"]


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "données du courtier"  # Java reads its settings in another encoding than Python writes
    yield folder
    stop(folder)


def write_records(broker: Broker) -> None:
    create_topics(KafkaConnection(broker.bootstrap), 1, 1, topics=[ALERTS_RAW])
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")) as producer:
        for record in RECORDS:
            producer.send(ALERTS_RAW.name, record).get(timeout=10)


def read_records(broker: Broker) -> list[bytes]:
    with closing(
        KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=15_000)
    ) as consumer:
        consumer.assign([TopicPartition(ALERTS_RAW.name, 0)])
        return [record.value for record in islice(consumer, len(RECORDS))]


def test_starting_a_running_broker_returns_it_and_a_stopped_one_keeps_its_data_and_its_address(data_dir: Path) -> None:
    first = start(data_dir)
    assert start(data_dir) == first
    assert status(data_dir).answers
    write_records(first)
    assert stop(data_dir) is True
    assert birth_of(first.pid) is None
    assert status(data_dir).broker is None
    assert stop(data_dir) is False

    second = start(data_dir)
    assert (second.bootstrap, second.pid != first.pid) == (first.bootstrap, True)
    assert read_records(second) == RECORDS


def test_a_killed_broker_comes_back_with_its_data_on_the_same_address(data_dir: Path) -> None:
    killed = start(data_dir)
    write_records(killed)
    os.kill(killed.pid, signal.SIGKILL)
    assert wait_until(lambda: birth_of(killed.pid) is None, 10)
    assert status(data_dir).broker is None

    again = start(data_dir)
    assert again.bootstrap == killed.bootstrap
    assert read_records(again) == RECORDS


def test_a_process_that_took_over_the_recorded_number_is_neither_the_broker_nor_stopped(data_dir: Path) -> None:
    home = Home.of(data_dir)
    stopped = start(data_dir)
    stop(data_dir)
    record = load_record(home)
    assert record is not None
    save_record(home, replace(record, pid=os.getpid(), birth="long ago"))

    assert status(data_dir).broker is None
    assert stop(data_dir) is False
    again = start(data_dir)
    assert (again.bootstrap, again.pid != os.getpid()) == (stopped.bootstrap, True)


def test_a_lost_state_file_costs_nothing_but_a_look_for_ports(data_dir: Path) -> None:
    write_records(start(data_dir))
    stop(data_dir)
    Home.of(data_dir).state.write_text('{"ports": {"cli')
    assert read_records(start(data_dir)) == RECORDS


def test_a_port_can_be_chosen_and_is_kept(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InfrastructureError, match=rf"Port {port} .* taken .* --port"):
            start(data_dir, port)
    assert start(data_dir, port).bootstrap == f"127.0.0.1:{port}"
    with pytest.raises(InfrastructureError, match=f"already runs on port {port}, not 1234"):
        start(data_dir, 1234)
    stop(data_dir)
    assert start(data_dir).bootstrap == f"127.0.0.1:{port}"


def test_settings_that_kafka_refuses_are_shown_and_leave_no_process(data_dir: Path) -> None:
    with pytest.raises(InfrastructureError, match=r"(?s)could not prepare its storage.*num\.io\.threads"):
        start(data_dir, properties={"num.io.threads": "several"})
    start(data_dir)
    stop(data_dir)
    with pytest.raises(InfrastructureError, match=r"(?s)ended while starting.*num\.io\.threads.*start again"):
        start(data_dir, properties={"num.io.threads": "several"})
    assert status(data_dir).broker is None
    assert start(data_dir, properties={"num.io.threads": "2"}).pid > 0


def test_the_settings_are_readable_by_their_owner_only_and_logs_stay_in_the_data_folder(data_dir: Path) -> None:
    broker = start(data_dir)
    assert (data_dir / "kafka" / "server.properties").stat().st_mode & 0o777 == 0o600
    assert broker.log.is_relative_to(data_dir)
    assert "started (kafka.server.KafkaRaftServer)" in broker.log.read_text()
