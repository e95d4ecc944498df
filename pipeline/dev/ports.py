"""Free ports on the loopback."""

from __future__ import annotations

import socket
import zlib
from typing import TYPE_CHECKING

from pipeline.dev.properties import HOST
from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

# Below the ports that systems hand to outgoing connections, so none of those can sit on ours when the broker is down.
_FIRST, _COUNT = 20_000, 10_000


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka does: a lingering connection is no owner
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def choose_port(home: Path, taken: Container[int]) -> int:
    """Return a free port that is not in `taken`; the same folder gets the same one whenever it is free."""
    start = zlib.crc32(str(home).encode())
    for step in range(_COUNT):
        port = _FIRST + (start + step) % _COUNT
        if port not in taken and is_free(port):
            return port
    message = f"Every port from {_FIRST} to {_FIRST + _COUNT - 1} is taken; give one with --port."
    raise InfrastructureError(message)
