from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from bench.load import create_topic, end_offsets, fill, storm_records
from bench.peers.stock_faust import measure
from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration


@pytest.fixture
def topic(broker: Broker) -> str:
    """Return an empty topic of four partitions."""
    name = f"bench-{uuid.uuid4().hex}"
    create_topic(broker.bootstrap, name)
    return name


def test_filling_a_topic_adds_the_same_share_to_every_partition(broker: Broker, topic: str) -> None:
    assert fill(broker.bootstrap, topic, storm_records(4_000, series=100)) == {0: 1000, 1: 1000, 2: 1000, 3: 1000}
    assert fill(broker.bootstrap, topic, storm_records(400, series=100)) == {0: 100, 1: 100, 2: 100, 3: 100}
    assert end_offsets(broker.bootstrap, topic) == {0: 1100, 1: 1100, 2: 1100, 3: 1100}


def test_the_stock_agent_counts_the_records_between_its_first_and_its_last(broker: Broker, topic: str) -> None:
    fill(broker.bootstrap, topic, storm_records(4_000))
    figures = measure(broker.bootstrap, topic, 3_000, timeout_s=60)
    assert figures["records"] == 2_999
    assert figures["records_per_s"] == pytest.approx(2_999 / figures["seconds"])


def test_a_topic_with_too_few_records_is_named(broker: Broker, topic: str) -> None:
    with pytest.raises(InfrastructureError, match=f"Check that {topic} holds as many"):
        measure(broker.bootstrap, topic, 10, timeout_s=8)
