from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.domain.errors import ConfigurationError
from pipeline.kafka_connection import KafkaConnection
from pipeline.settings import Settings, Worker, check_config, load_settings
from pipeline.settings_catalogue import catalogue
from pipeline.settings_file import parse_settings_file

PROOF = "hunter2"
WITH_A_ZERO = "0123"


def written(folder: Path, text: str) -> Path:
    path = folder / "core-alerts.yml"
    path.write_text(text, "utf-8")
    return path


def complaints(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    path = written(folder, text)
    return [str(problem).removeprefix(str(path)) for problem in check_config(path, environ or {})]


# Sources


def test_without_a_file_and_variables_everything_has_its_default() -> None:
    settings = load_settings(None, {}, {})
    assert settings.broker == "127.0.0.1:9092"
    assert settings.data_dir == Path(".core-alerts")
    assert settings.processing_guarantee == "at_least_once"
    assert settings.ingest.reopen_window == timedelta(minutes=30)
    assert settings.worker.block_cache_bytes == 64 * 2**20
    assert settings == Settings()


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    path = written(tmp_path, "broker: kafka-1:9092, kafka-2:9092\nworker: {max_batch: 500, write_buffer_bytes: 8MiB}\n")
    settings = load_settings(path, {}, {})
    assert settings.broker == "kafka-1:9092,kafka-2:9092"
    assert (settings.worker.max_batch, settings.worker.write_buffer_bytes) == (500, 8 * 2**20)
    assert settings.config == path


def test_a_variable_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    path = written(tmp_path, "group: file\nweb: {port: 1, host: 127.0.0.2}\nlog: {level: debug}\n")
    environ = {"CORE_ALERTS_GROUP": "variable", "CORE_ALERTS_WEB__PORT": "2"}
    settings = load_settings(path, environ, {"web.port": 3, "broker": None})
    assert settings.group == "variable"
    assert (settings.web.port, settings.web.host) == (3, "127.0.0.2")
    assert settings.log.level == "debug"


def test_a_variable_may_name_the_file_and_the_command_line_another(tmp_path: Path) -> None:
    path = written(tmp_path, "group: from-file\n")
    assert load_settings(None, {"CORE_ALERTS_CONFIG": str(path)}, {}).group == "from-file"
    with pytest.raises(ConfigurationError, match=r"missing\.yml: cannot be read: No such file or directory\. Give"):
        load_settings(tmp_path / "missing.yml", {"CORE_ALERTS_CONFIG": str(path)}, {})


def test_an_empty_value_means_the_default(tmp_path: Path) -> None:
    path = written(tmp_path, "group:\nkafka:\nworker:\n  instance_id: ~\n")
    assert load_settings(path, {"CORE_ALERTS_BROKER": ""}, {}).model_copy(update={"config": None}) == Settings()
    assert load_settings(written(tmp_path, ""), {}, {}).group == "core-alerts"


def test_every_setting_can_be_set_by_its_variable() -> None:
    for setting in catalogue().values():
        problems = _problems({setting.variable: "\0"})
        assert [problem.split(": ")[0] for problem in problems] in ([setting.variable], []), setting.key
        if setting.default is not None:
            load_settings(None, {setting.variable: setting.default}, {})


def test_values_are_taken_as_they_are_written(tmp_path: Path) -> None:
    text = "kafka: {security_protocol: SASL_SSL, sasl_username: on, sasl_password: 0123}\nweb: {port: '6067'}\n"
    settings = load_settings(written(tmp_path, text), {}, {})
    assert settings.connection().sasl_password == WITH_A_ZERO
    assert settings.connection().sasl_username == "on"
    assert settings.web.port == 6067


def test_variables_of_kubernetes_services_are_passed_over() -> None:
    environ = {
        "CORE_ALERTS_SERVICE_HOST": "10.0.0.1",
        "CORE_ALERTS_SERVICE_PORT_HTTP": "6066",
        "CORE_ALERTS_PORT": "tcp://10.0.0.1:6066",
        "CORE_ALERTS_PORT_6066_TCP_ADDR": "10.0.0.1",
        "CORE_ALERTS_GATEWAY_SERVICE_HOST": "10.0.0.2",
        "CORE_ALERTS_GATEWAY_PORT": "tcp://10.0.0.2:80",
    }
    assert load_settings(None, environ, {}) == Settings()


def test_the_variable_of_the_development_broker_is_no_mistake() -> None:
    assert load_settings(None, {"CORE_ALERTS_CACHE_DIR": "/var/cache/core-alerts"}, {}) == Settings()


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.group = "other"  # type: ignore[misc] # the point of the test
    with pytest.raises(ValidationError, match="frozen"):
        settings.web.port = 1  # type: ignore[misc] # the point of the test


# Errors


def test_every_error_is_told_at_once_with_its_line_its_value_and_its_remedy(tmp_path: Path) -> None:
    text = """\
brokr: kafka:9092
web:
  port: 99999
  prt: 1
ingest:
  digest_interval: soon
  resolve_timeout: [1]
log: json
"""
    environ = {"CORE_ALERTS_LOG__FORMAT": "xml", "CORE_ALERTS_WEB_PORT": "1"}
    assert complaints(tmp_path, text, environ) == [
        ":1: brokr is not a setting. Did you mean broker?",
        ":3: web.port '99999' is not a whole number from 0 to 65535. Write for example port: 6066; the default is 6066",
        ":4: web.prt is not a setting. Did you mean web.port?",
        ":6: ingest.digest_interval 'soon' is not a duration from 1s to 1d "
        "(write 250ms, 90s, 5m, 1h30m, plain seconds or ISO 8601). "
        "Write for example digest_interval: 60s; the default is 1m",
        ":7: ingest.resolve_timeout (a list) is not a duration from 1s to 30d "
        "(write 250ms, 90s, 5m, 1h30m, plain seconds or ISO 8601). "
        "Write for example resolve_timeout: 5m; the default is 5m",
        ":8: log is a section and takes no value of its own. Set its parts, for example log.level",
        "CORE_ALERTS_LOG__FORMAT: log.format 'xml' is not one of json, console. "
        "Set for example CORE_ALERTS_LOG__FORMAT=console; unset it for the default, json",
        "CORE_ALERTS_WEB_PORT: web_port is not a setting. Did you mean CORE_ALERTS_WEB__PORT?",
    ]


def test_loading_raises_the_same_lines_as_checking(tmp_path: Path) -> None:
    path = written(tmp_path, "group: a b\npartitions: 0\n")
    with pytest.raises(ConfigurationError) as raised:
        load_settings(path, {}, {})
    assert str(raised.value).splitlines() == [str(problem) for problem in check_config(path, {})]
    assert len(str(raised.value).splitlines()) == 2


def test_a_problem_has_its_parts_for_machines(tmp_path: Path) -> None:
    path = written(tmp_path, "\n\nweb: {port: x}\n")
    (problem,) = check_config(path, {})
    assert json.loads(json.dumps(asdict(problem))) == {
        "file": str(path),
        "line": 3,
        "key": "web.port",
        "message": "'x' is not a whole number from 0 to 65535",
        "remedy": "Write for example port: 6066; the default is 6066",
        "variable": None,
    }


def test_an_option_of_the_command_line_is_named_as_such() -> None:
    with pytest.raises(ConfigurationError, match=r"^command line: web\.port '70000' is not a whole number"):
        load_settings(None, {}, {"web.port": 70000})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("group: a\ngroup: b\n", ":2: group is set on line 1 already. Remove this line or line 1"),
        ("web:\n  port: 1\n  port: 2\n", ":3: web.port is set on line 2 already. Remove this line or line 2"),
        ("port: 6067\n", ":1: port is not a setting. Did you mean web.port?"),
        ("zzz: 1\n", ":1: zzz is not a setting. Remove zzz; docs/reference/settings.md lists the settings"),
        ("config: other.yml\n", ":1: config is not a setting. "),
        ("a: 1\n---\nb: 2\n", ":2: starts a second document. "),
        ("- broker\n", ":1: is not a set of keys. "),
        ("group: &a x\nbroker: *a\n", ":1: uses an anchor (&) or alias (*). "),
        ("group: !!python/name:os.system x\n", ":1: uses a tag (!). "),
        ("group: [\n", ":2: is not YAML: "),
        ("\n? [a]\n: b\n", ":2: has a key that is not a name. "),
        ("x: " + "[" * 50_000, ":1: is nested more than 8 levels deep. "),
        ("group: a\x07b\n", ":1: has a character that YAML does not allow. "),
    ],
)
def test_a_file_that_cannot_be_taken_is_told_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    found = complaints(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(complaint)


def test_a_file_that_is_not_text_or_too_large_or_a_folder_is_told(tmp_path: Path) -> None:
    latin, large = tmp_path / "latin.yml", tmp_path / "large.yml"
    latin.write_bytes(b"group: a\nbroker: \xff\n")
    large.write_bytes(b"#" * (2**20 + 1))
    assert str(check_config(latin, {})[0]) == f"{latin}:2: is not UTF-8. Save the file as UTF-8"
    assert str(check_config(large, {})[0]).startswith(f"{large}: is larger than 1 MiB. ")
    assert str(check_config(tmp_path, {})[0]).startswith(f"{tmp_path}: cannot be read: Is a directory. ")


@given(st.text(max_size=200))
def test_any_text_gives_values_or_problems_and_never_an_exception(text: str) -> None:
    parse_settings_file(text, Path("x.yml"))


@pytest.mark.parametrize(
    "broker", ["kafka", "kafka:0", "kafka:65536", "kafka:9092,", "http://kafka:9092", "kafka:\u0669\u0660", "a b:1"]
)
def test_a_broker_needs_a_host_and_a_port(broker: str) -> None:
    (problem,) = _problems({"CORE_ALERTS_BROKER": broker})
    assert f"{broker!r} is not host:port" in problem


def test_a_broker_may_have_an_ipv6_address() -> None:
    assert load_settings(None, {"CORE_ALERTS_BROKER": "[::1]:9092"}, {}).broker == "[::1]:9092"


@pytest.mark.parametrize(
    ("worker", "complaint"),
    [
        ("{heartbeat_interval: 7s}", "worker.heartbeat_interval is more than a third of session_timeout"),
        ("{rebalance_timeout: 10s}", "worker.rebalance_timeout is below session_timeout"),
        ("{session_timeout: 31s}", "worker.request_timeout is below session_timeout"),
        ("{stall_timeout: 1s, checkpoint_interval: 1s}", "worker.stall_timeout is not above checkpoint_interval"),
    ],
)
def test_timeouts_that_do_not_go_together_are_told(tmp_path: Path, worker: str, complaint: str) -> None:
    (found,) = complaints(tmp_path, f"worker: {worker}\n")
    assert found.startswith(f":1: {complaint}. ")


def test_settings_made_in_code_are_checked_too() -> None:
    with pytest.raises(ValidationError, match="third of session_timeout"):
        Worker(heartbeat_interval=timedelta(seconds=19))


# Kafka security


def test_sasl_needs_a_user_and_a_password(tmp_path: Path) -> None:
    assert complaints(tmp_path, "kafka:\n  security_protocol: SASL_SSL\n") == [
        ":2: kafka.sasl_password is missing, and SASL_SSL needs it. "
        "Set kafka.sasl_password, or change kafka.security_protocol",
        ":2: kafka.sasl_username is missing, and SASL_SSL needs it. "
        "Set kafka.sasl_username, or change kafka.security_protocol",
    ]


def test_credentials_that_would_not_be_used_are_told() -> None:
    found = _problems({"CORE_ALERTS_KAFKA__SASL_USERNAME": "u", "CORE_ALERTS_KAFKA__SASL_PASSWORD": "hunter2"})
    assert [line.split(", ")[0] for line in found] == [
        "CORE_ALERTS_KAFKA__SASL_PASSWORD: kafka.sasl_password is set",
        "CORE_ALERTS_KAFKA__SASL_USERNAME: kafka.sasl_username is set",
    ]
    assert "hunter2" not in "".join(found)


def test_files_of_certificates_must_exist_and_come_in_pairs(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("key")
    assert _problems({"CORE_ALERTS_KAFKA__SSL_CA_FILE": str(tmp_path / "ca.pem")}) == [
        f"CORE_ALERTS_KAFKA__SSL_CA_FILE: kafka.ssl_ca_file '{tmp_path}/ca.pem' is not the path of a file this user "
        "can read (there is no such file). Set for example CORE_ALERTS_KAFKA__SSL_CA_FILE=/etc/core-alerts/ca.pem"
    ]
    environ = {"CORE_ALERTS_KAFKA__SECURITY_PROTOCOL": "SSL"}
    environ["CORE_ALERTS_KAFKA__SSL_KEY_FILE"] = str(tmp_path / "key.pem")
    (found,) = _problems(environ)
    assert "kafka.ssl_cert_file is missing, and ssl_key_file needs it" in found


def test_the_connection_carries_what_was_set(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "ca.pem").write_text("ca")
    text = f"""\
broker: kafka:9093
kafka:
  security_protocol: SASL_SSL
  sasl_mechanism: SCRAM-SHA-512
  sasl_username: alerts
  sasl_password_file: {tmp_path}/password
  ssl_ca_file: {tmp_path}/ca.pem
  ssl_check_hostname: false
"""
    assert load_settings(written(tmp_path, text), {}, {}).connection() == KafkaConnection(
        bootstrap="kafka:9093",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="alerts",
        sasl_password=PROOF,
        ssl_ca_file=tmp_path / "ca.pem",
        ssl_check_hostname=False,
    )
    assert Settings().connection() == KafkaConnection("127.0.0.1:9092")


def test_an_empty_password_file_is_told_when_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    environ = {
        "CORE_ALERTS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "CORE_ALERTS_KAFKA__SASL_USERNAME": "alerts",
        "CORE_ALERTS_KAFKA__SASL_PASSWORD_FILE": str(tmp_path / "password"),
    }
    with pytest.raises(ConfigurationError, match=r"password is empty\. Write the password into it\."):
        load_settings(None, environ, {}).connection()


@pytest.mark.parametrize(
    "text",
    [
        "kafka: {security_protocol: SASL_SSL, sasl_username: u, sasl_password: [hunter2]}",
        "kafka: {sasl_pasword: hunter2}",
        "kafka: {sasl_password: {value: hunter2}}",
        "kafka: {sasl_password: hunter2, sasl_password: hunter2}",
        "kafka: {sasl_password: hunter2",
        "kafka: {sasl_password: *hunter2}",
        "kafka: {sasl_password: !hunter2 x}",
        "kafka: {sasl_password: !hunter2!x y}",
        'kafka: {sasl_password: "a\\hunter2"}',
        "kafka: {sasl_password: a: hunter2}",
        "kafka: hunter2",
        "hunter2",
        "broker: user:hunter2@kafka:9092",
        "broker: SASL_SSL://user:hunter2@kafka:9092",
    ],
)
def test_no_error_shows_a_secret(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    found = check_config(path, {})
    assert found
    assert "hunter2" not in "".join(str(asdict(problem)) for problem in found)
    with pytest.raises(ConfigurationError) as raised:
        load_settings(path, {}, {})
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_no_error_shows_a_secret_of_the_wrong_type() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings(None, {}, {"kafka.sasl_password": 1234})
    assert str(raised.value) == (
        "command line: kafka.sasl_password (the value is not shown) is not text. "
        "Write for example sasl_password: change-me"
    )


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    path = written(tmp_path, "kafka: {security_protocol: SASL_SSL, sasl_username: u, sasl_password: hunter2}")
    settings = load_settings(path, {}, {})
    assert (
        "hunter2" not in f"{settings!r} {settings} {settings.kafka!r} {settings.model_dump()} {settings.connection()!r}"
    )
    assert "hunter2" not in settings.model_dump_json()


def _problems(environ: dict[str, str]) -> list[str]:
    try:
        load_settings(None, environ, {})
    except ConfigurationError as exc:
        return str(exc).splitlines()
    return []
