from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as signed_murmur2
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.partitioner import murmur2, partition_of

CLIENT = DefaultPartitioner()


@pytest.mark.parametrize(
    ("data", "hashed"),
    [
        # Of Apache Kafka's own UtilsTest.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_the_hashes_that_kafka_tests_itself_with(data: bytes, hashed: int) -> None:
    assert murmur2(data) == hashed % (1 << 32)


@given(st.binary(max_size=64))
def test_murmur2_equals_the_clients(data: bytes) -> None:
    assert murmur2(data) == signed_murmur2(data) % (1 << 32)


@given(st.text(min_size=1, max_size=70), st.integers(1, 60))
def test_a_key_belongs_to_the_partition_that_a_kafka_client_chooses(key: str, partitions: int) -> None:
    everywhere = list(range(partitions))
    assert partition_of(key, partitions) == CLIENT(key.encode(), everywhere, everywhere)


def test_tenants_are_spread_over_all_partitions() -> None:
    assert {partition_of(f"tenant-{number}", 24) for number in range(400)} == set(range(24))
