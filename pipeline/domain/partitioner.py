"""The partition of a key, as Kafka's own clients choose it.

murmur2 is the hash of `org.apache.kafka.common.utils.Utils.murmur2`, after Austin Appleby's MurmurHash2.
"""

from __future__ import annotations

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 hash of `data`, unsigned."""
    length = len(data)
    state = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        state = (state * _M & _MASK) ^ k
    if tail := data[whole:]:
        state = (state ^ int.from_bytes(tail, "little")) * _M & _MASK
    state = (state ^ (state >> 13)) * _M & _MASK
    return state ^ (state >> 15)


def partition_of(key: str, partitions: int) -> int:
    """Return the partition that `key` belongs to among `partitions`."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
