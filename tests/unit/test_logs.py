from __future__ import annotations

import io
import json
import logging
import re
import time
import warnings
from typing import TYPE_CHECKING, Any, Literal

import pytest
import structlog

from pipeline.logs import configure_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

PROOF = "hunter2"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where this test's logging goes; logging is as before afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_event_is_one_json_object_a_line(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    structlog.get_logger("agents.ingest").warning("alert clamped", tenant="acme", reason="future\ntimestamp")
    (line,) = lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("ts"))
    assert line == {
        "level": "warning",
        "event": "alert clamped",
        "logger": "agents.ingest",
        "tenant": "acme",
        "reason": "future\ntimestamp",
    }
    assert stream.getvalue().startswith('{"ts": ')


def test_a_library_s_event_looks_the_same(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    logging.getLogger("aiokafka.conn").error("broker %s:%d went away", "kafka", 9092, extra={"node": 1})
    (line,) = lines(stream)
    assert (line["level"], line["logger"], line["event"], line["node"]) == (
        "error",
        "aiokafka.conn",
        "broker kafka:9092 went away",
        1,
    )


def test_events_below_the_level_are_left_out_until_it_is_lowered(stream: io.StringIO) -> None:
    log = structlog.get_logger("x")
    configure_logging("warning", "json", stream)
    log.info("one")
    configure_logging("debug", "json", stream)
    log.debug("two")
    logging.getLogger("faust.app").debug("three")
    assert [line["event"] for line in lines(stream)] == ["two", "three"]


@pytest.mark.parametrize("name", ["json", "console"])
def test_an_exception_shows_no_secret_and_no_local_variable(
    stream: io.StringIO, name: Literal["json", "console"]
) -> None:
    configure_logging("info", name, stream)
    try:
        _log_in("hunter" + str(2))
    except OSError:
        structlog.get_logger("x").exception("broker away")
        logging.getLogger("faust").exception("broker away")
    assert stream.getvalue().count("OSError: password=*** refused") == 2
    assert PROOF not in stream.getvalue()


def test_an_exception_is_told_in_the_same_line(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    try:
        raise OSError("login with password=hunter2 failed")
    except OSError:
        structlog.get_logger("x").exception("broker away")
        logging.getLogger("faust").exception("broker away")
    for line in lines(stream):
        assert "Traceback" in line["exception"]
        assert "OSError: login with password=*** failed" in line["exception"]


def test_faust_s_false_alarms_are_left_out_and_its_other_errors_are_not(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    faust = logging.getLogger("faust.transport.drivers.aiokafka")
    faust.error("[^--Thread]: Aiokafka has not sent fetch request for %r since start (started %s)", "tp", "now")
    faust.error("[^--Thread]: Aiokafka stopped fetching from %r (last done %s)", "tp", "now")
    faust.error("[^--Thread]: Has not committed %r at all since worker start (started %s).", "tp", "now")
    faust.error("[^--Thread]: Has not committed %r (last commit %s).", "tp", "now")
    faust.error("Committing raised exception: %r", "x")
    logging.getLogger("agents.ingest").error("Has not committed")
    assert [line["event"] for line in lines(stream)] == ["Committing raised exception: 'x'", "Has not committed"]


def test_secrets_are_not_shown_by_key_at_any_depth(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    structlog.get_logger("x").info(
        "connecting",
        sasl_plain_password=PROOF,
        settings={"kafka": [{"API_KEY": "hunter2", "Authorization": "hunter2", "host": "kafka"}]},
        access_token=PROOF,
    )
    logging.getLogger("y").info("connecting", extra={"client_secret": "hunter2"})
    assert "hunter2" not in stream.getvalue()
    assert lines(stream)[0]["settings"] == {"kafka": [{"API_KEY": "***", "Authorization": "***", "host": "kafka"}]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2, host=kafka", "password=***, host=kafka"),
        ("{'sasl_plain_password': 'hunter2 x', 'a': 1}", "{'sasl_plain_password': ***, 'a': 1}"),
        ("Authorization: Bearer hunter2", "Authorization: ***"),
        ("to https://user:hunter2@kafka:9092/x", "to https://***@kafka:9092/x"),
        ("no secret here: 5 tokens read", "no secret here: 5 tokens read"),
    ],
)
def test_secrets_are_not_shown_in_text(stream: io.StringIO, text: str, shown: str) -> None:
    configure_logging("info", "json", stream)
    logging.getLogger("x").warning("%s", text)
    assert lines(stream)[0]["event"] == shown


def test_a_long_text_is_searched_for_secrets_in_little_time(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    started = time.perf_counter()
    logging.getLogger("x").warning("%s", "token" * 20_000 + "a" * 100_000 + "://" * 20_000)
    assert time.perf_counter() - started < 2


def test_what_json_cannot_hold_is_shown_as_python_does(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    structlog.get_logger("x").info("odd", data=b"\xff", text="\ud800", loop=_loop())
    (line,) = lines(stream)
    assert (line["data"], line["text"]) == ("b'\\xff'", "\ud800")


def test_a_warning_is_logged(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)  # catch_warnings has put its own hook in place
        logging.captureWarnings(capture=True)
        warnings.warn("old option", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert lines(stream)[0]["logger"] == "py.warnings"


def test_the_console_format_is_for_eyes(stream: io.StringIO) -> None:
    configure_logging("info", "console", stream)
    structlog.get_logger("x").info("started", port=6066, password=PROOF)
    assert re.search(r"info +\] started .*port=6066", stream.getvalue())
    assert "hunter2" not in stream.getvalue()


def test_configuring_twice_writes_once(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    configure_logging("info", "json", stream)
    logging.getLogger("x").info("once")
    assert len(lines(stream)) == 1


def _log_in(password: str) -> None:
    raise OSError(f"password={password} refused")


def _loop() -> list[object]:
    """Return a list that contains itself."""
    items: list[object] = []
    items.append(items)
    return items
