from __future__ import annotations

from pathlib import Path

from pipeline.dev.properties import Ports, render_properties, server_properties

PORTS = Ports(client=20001, controller=20002, extra={"SECURE": 20003})


def test_every_listener_is_on_the_loopback() -> None:
    settings = server_properties(Path("/data"), PORTS, {"SECURE": "SASL_SSL"}, {})
    assert settings["listeners"] == (
        "PLAINTEXT://127.0.0.1:20001,SECURE://127.0.0.1:20003,CONTROLLER://127.0.0.1:20002"
    )
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001,SECURE://127.0.0.1:20003"
    assert settings["listener.security.protocol.map"] == "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:20002"


def test_what_the_caller_gives_wins_over_what_suits_development() -> None:
    settings = server_properties(Path("/data"), PORTS, {}, {"num.partitions": "1", "log.flush.interval.ms": "5"})
    assert (settings["num.partitions"], settings["log.flush.interval.ms"]) == ("1", "5")
    assert settings["auto.create.topics.enable"] == "false"


def test_a_value_reads_back_in_java_as_it_was_given() -> None:
    assert render_properties({"a": "C:\\x", "b": " y", "c": "two\nlines"}) == "a=C:\\\\x\nb=\\ y\nc=two\\nlines\n"
    assert render_properties({"folder": "/tmp/é/🙂"}) == "folder=/tmp/\\u00e9/\\ud83d\\ude42\n"  # noqa: S108
