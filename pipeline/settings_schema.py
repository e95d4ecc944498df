"""Every setting: its type, its bounds, its default, what it means and when to change it.

The reference page, the example file and the text of errors are made from these classes.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.domain.errors import ConfigurationError
from pipeline.kafka_connection import KafkaConnection
from pipeline.settings_fields import Brokers, Duration, Folder, Host, Name, ReadableFile, Size, Whole

MIB = 2**20


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


class Section(BaseModel):
    """A group of settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def conflicts(self) -> list[tuple[str, str, str]]:
        """Return (field, field that calls for it, what is wrong) for values that do not go together."""
        return []

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        """Report every conflict at once, each at its own field."""
        if conflicts := self.conflicts():
            lines = [
                InitErrorDetails(
                    type=PydanticCustomError("conflict", "{what}", {"what": what, "because": because}),
                    loc=(field,),
                    input=None,
                )
                for field, because, what in conflicts
            ]
            raise ValidationError.from_exception_data(type(self).__name__, lines, hide_input=True)
        return self


class Kafka(Section):
    """How to reach the brokers when they want encryption or a password."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT",
        description="How to talk to the brokers: SSL encrypts, SASL asks for a user name and a password. "
        "Use SASL_SSL outside a trusted network.",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="How the password is proven. PLAIN sends it as it is, so use it over SSL only."
    )
    sasl_username: str | None = Field(None, description="The user name; needed with SASL.")
    sasl_password: SecretStr | None = Field(
        None, description="The password; needed with SASL unless sasl_password_file is set. Never shown or logged."
    )
    sasl_password_file: Annotated[Path, ReadableFile("/run/secrets/kafka-password")] | None = Field(
        None, description="A file that holds the password, such as a mounted secret. A final line break is ignored."
    )
    ssl_ca_file: Annotated[Path, ReadableFile("/etc/core-alerts/ca.pem")] | None = Field(
        None, description="The PEM certificates to trust. Unset: those the system trusts."
    )
    ssl_cert_file: Annotated[Path, ReadableFile("/etc/core-alerts/client.pem")] | None = Field(
        None, description="This client's PEM certificate, when the brokers ask for one; needs ssl_key_file."
    )
    ssl_key_file: Annotated[Path, ReadableFile("/etc/core-alerts/client.key")] | None = Field(
        None, description="The PEM key of ssl_cert_file, not encrypted."
    )
    ssl_check_hostname: bool = Field(
        default=True,
        description="Whether a broker's certificate must carry its host name. Switch it off only for a test broker.",
    )

    def conflicts(self) -> list[tuple[str, str, str]]:
        """SASL needs who and the proof, once; what the protocol does not use is a mistake."""
        protocol = self.security_protocol
        found = []
        if protocol.startswith("SASL_"):
            if not self.sasl_username:
                found.append(("sasl_username", "security_protocol", f"is missing, and {protocol} needs it"))
            if not self.sasl_password and not self.sasl_password_file:
                found.append(("sasl_password", "security_protocol", f"is missing, and {protocol} needs it"))
            if self.sasl_password and self.sasl_password_file:
                found.append(("sasl_password_file", "sasl_password", "is set although sasl_password is set too"))
        else:
            unused = ("sasl_username", "sasl_password", "sasl_password_file")
            found += self._unused(unused, f"is set, but security_protocol is {protocol}, which sends no password")
        if not protocol.endswith("SSL"):
            unused = ("ssl_ca_file", "ssl_cert_file", "ssl_key_file")
            found += self._unused(unused, f"is set, but security_protocol is {protocol}, which does not encrypt")
        if self.ssl_cert_file and not self.ssl_key_file:
            found.append(("ssl_key_file", "ssl_cert_file", "is missing, and ssl_cert_file needs it"))
        if self.ssl_key_file and not self.ssl_cert_file:
            found.append(("ssl_cert_file", "ssl_key_file", "is missing, and ssl_key_file needs it"))
        return found

    def password(self) -> str | None:
        """Return the password, from its file if there is one; raise ConfigurationError when the file holds none."""
        if self.sasl_password_file is None:
            return self.sasl_password.get_secret_value() if self.sasl_password else None
        where = f"kafka.sasl_password_file {self.sasl_password_file}"
        try:
            password = self.sasl_password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            message = f"{where} cannot be read: {reason}. Make it a text file that this user can read."
            raise ConfigurationError(message) from None  # a decoding error quotes the password
        if not password:
            raise ConfigurationError(f"{where} is empty. Write the password into it.")
        return password

    def _unused(self, fields: tuple[str, ...], what: str) -> list[tuple[str, str, str]]:
        return [(field, "security_protocol", what) for field in fields if getattr(self, field) is not None]


class Ingest(Section):
    """How alerts are deduplicated and when they end."""

    digest_interval: Annotated[timedelta, Duration("1s", "1d", "60s")] = Field(
        _seconds(60),
        description="How often an open alert that keeps firing is told of as `repeated`, at most. "
        "Shorter: fresher counts, more output.",
    )
    resolve_timeout: Annotated[timedelta, Duration("1s", "30d", "5m")] = Field(
        _seconds(300),
        description="How long after it was last seen an alert without `ends_at` expires. "
        "Keep it above three times the longest interval at which senders repeat an alert.",
    )
    reopen_window: Annotated[timedelta, Duration("1s", "30d", "30m")] = Field(
        _seconds(1800),
        description="How long after its end an alert that fires again is `reopened` rather than `opened`. "
        "Ended alerts are kept this long.",
    )
    delivery_window: Annotated[timedelta, Duration("1s", "1d", "5m")] = Field(
        _seconds(300),
        description="How long a sender's `id` is remembered; the same id again within it is a duplicate delivery "
        "and not counted. Cover the time for which senders retry.",
    )
    max_future_skew: Annotated[timedelta, Duration("1s", "1d", "5m")] = Field(
        _seconds(300),
        description="How far ahead of the record's own time an alert's timestamps may be; further ones are clamped "
        "and counted. Raise it when senders' clocks are known to be wrong.",
    )
    tell_bursts: bool = Field(
        default=True,
        description="Whether a repeat is told at once that comes after a pause which is long for its alert, or begins "
        "a surge. The correlate agent places the alert anew by it. At most one record for each burst.",
    )
    clock: Literal["wall", "event"] = Field(
        "wall",
        description="What time is: `wall` is the clock once a partition has caught up; `event` is always the largest "
        "timestamp seen, for playing recorded alerts.",
    )


class Suppression(Section):
    """What may hide alerts without anybody having asked for it."""

    adaptive: bool = Field(
        default=True,
        description="Whether storms, flapping and throttling hide alerts of tenants that have no policies for that. "
        "Critical alerts, alerts of new names in a storm and what a tenant always lets pass are never hidden by them. "
        "A tenant's own storm_policy, flap_policy and tenant records on the topic control win over this.",
    )


class Models(Section):
    """What the pipeline learns by itself."""

    scores: bool = Field(
        default=True,
        description="Whether changes carry scores: how unusual each is for its tenant, whether it will flap and how "
        "long it will last, and, once people have told of some, how likely it is that nobody will care. Costs about "
        "0.1 ms for each alert that opens, changes or ends. Without it no alert counts as noise, and no tenant's alert "
        "rate is watched.",
    )


class Worker(Section):
    """How a worker keeps its state, and when it gives up."""

    checkpoint_interval: Annotated[timedelta, Duration("10ms", "1m", "1s")] = Field(
        _seconds(1),
        description="How often state and offsets become durable with at_least_once. "
        "Shorter: less is replayed after a crash; longer: fewer writes.",
    )
    commit_interval: Annotated[timedelta, Duration("10ms", "10s", "25ms")] = Field(
        _seconds(0.025),
        description="The length of one transaction with exactly_once; it adds to the latency readers see. "
        "Use 100ms for throughput.",
    )
    max_batch: Annotated[int, Whole(1, 10_000, "1000")] = Field(
        1000,
        description="The most records processed in one go, which holds up everything else in the worker. "
        "Keep a batch below about 10 ms (core_alerts_alert_batch_duration_seconds).",
    )
    cache_entries: Annotated[int, Whole(1000, 100_000_000, "1200000")] = Field(
        1_200_000,
        description="The most alerts held in memory by the worker; others are read from disk.",
    )
    block_cache_bytes: Annotated[int, Size("1MiB", "64GiB", "64MiB")] = Field(
        64 * MIB, description="Memory for blocks read from the store, for the worker's partitions together."
    )
    write_buffer_bytes: Annotated[int, Size("1MiB", "4GiB", "32MiB")] = Field(
        32 * MIB, description="Memory for writes on their way to the store, for the worker's partitions together."
    )
    session_timeout: Annotated[timedelta, Duration("6s", "5m", "20s")] = Field(
        _seconds(20),
        description="How long the group waits for a silent worker before its partitions go to others. "
        "30s to 45s with instance_id. Must be within what the brokers allow (group.*.session.timeout.ms).",
    )
    heartbeat_interval: Annotated[timedelta, Duration("100ms", "1m", "3s")] = Field(
        _seconds(3),
        description="How often the worker tells the group that it lives; at most a third of session_timeout.",
    )
    rebalance_timeout: Annotated[timedelta, Duration("6s", "10m", "45s")] = Field(
        _seconds(45), description="How long workers have to hand over their partitions; at least session_timeout."
    )
    request_timeout: Annotated[timedelta, Duration("6s", "10m", "30s")] = Field(
        _seconds(30),
        description="How long the brokers may take to answer before the worker stops; at least session_timeout.",
    )
    shutdown_timeout: Annotated[timedelta, Duration("1s", "5m", "8s")] = Field(
        _seconds(8),
        description="How long a worker that was told to stop may take to finish its batch and checkpoint. "
        "Keep it below the grace period of whatever stops it.",
    )
    standby_replicas: Annotated[int, Whole(0, 10, "1")] = Field(
        0,
        description="How many other workers keep a copy of each partition's state. 1 makes failover fast "
        "at the price of reading and storing everything twice.",
    )
    stall_timeout: Annotated[timedelta, Duration("1s", "1h", "60s")] = Field(
        _seconds(60),
        description="How long a partition with unread records may go without a checkpoint before /livez fails.",
    )
    instance_id: Annotated[str, Name("worker-0")] | None = Field(
        None,
        description="A name that stays the same over restarts, such as the pod's of a StatefulSet, and is unique in "
        "the group: a restart within session_timeout then moves no partitions.",
    )

    def conflicts(self) -> list[tuple[str, str, str]]:
        """The group's timeouts have an order that clients and brokers rely on."""
        found = []
        if self.heartbeat_interval * 3 > self.session_timeout:
            found.append(("heartbeat_interval", "session_timeout", "is more than a third of session_timeout"))
        if self.rebalance_timeout < self.session_timeout:
            found.append(("rebalance_timeout", "session_timeout", "is below session_timeout"))
        if self.request_timeout < self.session_timeout:
            found.append(("request_timeout", "session_timeout", "is below session_timeout"))
        if self.stall_timeout <= self.checkpoint_interval:
            found.append(("stall_timeout", "checkpoint_interval", "is not above checkpoint_interval"))
        return found


class Web(Section):
    """Where the worker answers /metrics, /livez and /readyz."""

    host: Annotated[str, Host()] = Field(
        "127.0.0.1",
        description="The address to listen on. 0.0.0.0 lets other machines read the metrics; there is no password.",
    )
    port: Annotated[int, Whole(0, 65535, "6066")] = Field(
        6066, description="The port to listen on; 0 takes a free one and logs it."
    )


class Log(Section):
    """What is logged, to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least severe level shown.")
    format: Literal["json", "console"] = Field(
        "json", description="json: one object a line, for log stores; console: for eyes."
    )


class MetricsSection(Section):
    """How much detail the metrics carry."""

    tenant_label_limit: Annotated[int, Whole(0, 100_000, "200")] = Field(
        200,
        description="How many tenants get series of their own, first come, first served; further ones are counted "
        "together as `_other`. Each has up to 23 series.",
    )


class Settings(BaseSettings):
    """All settings. It reads nothing by itself: `load_settings` brings file and environment together."""

    model_config = SettingsConfigDict(
        env_prefix="CORE_ALERTS_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    broker: Annotated[str, Brokers()] = Field(
        "127.0.0.1:9092", description="The Kafka brokers to start from; name two or three, the rest is found by itself."
    )
    data_dir: Annotated[Path, Folder()] = Field(
        Path(".core-alerts"),
        description="Where local state lives. One folder for each worker, on a local disk that outlives a restart.",
    )
    config: Path | None = Field(None, description="The file these settings came from; set by --config.")
    processing_guarantee: Literal["at_least_once", "exactly_once"] = Field(
        "at_least_once",
        description="at_least_once: lowest latency, an output may appear twice with the same id. exactly_once: "
        "transactions; readers with read_committed see each output once, a commit_interval later.",
    )
    group: Annotated[str, Name("core-alerts")] = Field(
        "core-alerts",
        description="The consumer group of the workers; also the start of the names of their changelog topics. "
        "A new name starts with empty state.",
    )
    partitions: Annotated[int, Whole(1, 10_000, "24")] = Field(
        24,
        description="How many partitions every topic has. Fixed once there is data: a tenant's place depends on it. "
        "A worker refuses to start on topics that have another count.",
    )
    replication_factor: Annotated[int, Whole(1, 32, "3")] = Field(
        1, description="How many brokers hold each record of a topic that is created. Use 3 in production."
    )
    kafka: Kafka = Field(default_factory=Kafka)
    ingest: Ingest = Field(default_factory=Ingest)
    suppression: Suppression = Field(default_factory=Suppression)
    models: Models = Field(default_factory=Models)
    worker: Worker = Field(default_factory=Worker)
    web: Web = Field(default_factory=Web)
    log: Log = Field(default_factory=Log)
    metrics: MetricsSection = Field(default_factory=MetricsSection)

    def connection(self) -> KafkaConnection:
        """Return how to reach Kafka; raise ConfigurationError when the password's file cannot be used."""
        kafka = self.kafka
        with_sasl = kafka.security_protocol.startswith("SASL_")
        return KafkaConnection(
            bootstrap=self.broker,
            security_protocol=kafka.security_protocol,
            sasl_mechanism=kafka.sasl_mechanism if with_sasl else None,
            sasl_username=kafka.sasl_username,
            sasl_password=kafka.password() if with_sasl else None,
            ssl_ca_file=kafka.ssl_ca_file,
            ssl_cert_file=kafka.ssl_cert_file,
            ssl_key_file=kafka.ssl_key_file,
            ssl_check_hostname=kafka.ssl_check_hostname,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor only: pydantic's own sources forget where a value came from."""
        return (init_settings,)
