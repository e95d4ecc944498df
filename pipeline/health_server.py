"""/metrics, /livez and /readyz over HTTP, from threads of their own, so that a busy worker still answers."""

from __future__ import annotations

import errno
import json
import logging
import socket
import socketserver
import time
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Self

from prometheus_client.exposition import choose_encoder

from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from prometheus_client import CollectorRegistry

    from pipeline.health import Complaint, Health, HealthState

_LOG = logging.getLogger(__name__)
_MOST_CONNECTIONS = 16
_JSON = "application/json; charset=utf-8"


class HealthServer:
    """The endpoints on one address; listening from the moment it is built, answering from `start` to `stop`."""

    def __init__(
        self,
        host: str,
        port: int,
        state: Health | HealthState,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
        client_timeout: float = 5.0,
    ) -> None:
        fixed = {"state": state, "registry": registry, "clock": staticmethod(clock), "timeout": client_timeout}
        handler = type("Handler", (_Handler,), fixed)
        server = type("Server", (_Server,), {"address_family": _family(host)})
        try:
            self._server: _Server = server((host, port), handler)
        except OSError as exc:
            raise ConfigurationError(_why(exc, host, port)) from exc
        self._host = host
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        _LOG.info("listening for probes and scrapes", extra={"host": self._host, "port": self.port})
        return self

    def stop(self) -> None:
        """Answer no more, and free the port; a second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    """One thread a connection, a few at most: further ones are closed at once instead of queueing up."""

    daemon_threads = True
    block_on_close = False  # stop() does not wait for a slow client

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._slots = BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name, which can take many seconds where there is no DNS.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment] # str in typeshed

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    state: Health | HealthState
    registry: CollectorRegistry
    clock: Callable[[], float]
    server_version = "core-alerts"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, content_type, encode(self.registry))
        elif path == "/livez":
            self._judge("live", self.state.liveness(self.clock()))
        elif path == "/readyz":
            self._judge("ready", self.state.readiness())
        else:
            body = {"error": "not found", "paths": ["/metrics", "/livez", "/readyz"]}
            self._answer(HTTPStatus.NOT_FOUND, _JSON, json.dumps(body).encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def _judge(self, what: str, complaints: list[Complaint]) -> None:
        shown = [{key: value for key, value in asdict(one).items() if value is not None} for one in complaints]
        status = HTTPStatus.SERVICE_UNAVAILABLE if complaints else HTTPStatus.OK
        self._answer(status, _JSON, json.dumps({what: not complaints, "problems": shown}).encode())

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Probes come every few seconds and say nothing new."""


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _why(error: OSError, host: str, port: int) -> str:
    where = f"Cannot listen on {host}:{port} for /metrics and the health checks"
    if error.errno == errno.EADDRINUSE:
        remedy = "another process has this port: set web.port (CORE_ALERTS_WEB__PORT) to a free one, or to 0"
    elif error.errno in {errno.EACCES, errno.EPERM}:
        remedy = "this user may not: set web.port (CORE_ALERTS_WEB__PORT) to 1024 or above"
    else:
        remedy = f"{error.strerror or error}: set web.host (CORE_ALERTS_WEB__HOST) to an address of this machine"
    return f"{where}: {remedy}."
