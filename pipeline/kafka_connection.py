"""How to reach Kafka, said once and handed to each of the three clients in its own words."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Addresses and credentials of one cluster; its repr shows no password."""

    bootstrap: str
    """host:port, or several separated by commas."""
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_ca_file: Path | None = None
    """PEM; without it the system's authorities are trusted."""
    ssl_cert_file: Path | None = None
    ssl_key_file: Path | None = None
    ssl_check_hostname: bool = True

    def __post_init__(self) -> None:
        if not self.servers:
            raise ConfigurationError("The Kafka address is empty. Write host:port, or several separated by commas.")
        if self.security_protocol not in get_args(SecurityProtocol):
            protocols = ", ".join(get_args(SecurityProtocol))
            message = f"security_protocol is {self.security_protocol!r}. Write one of {protocols}."
            raise ConfigurationError(message)
        if self._uses_sasl:
            self._require_credentials()
        if (self.ssl_cert_file is None) != (self.ssl_key_file is None):
            raise ConfigurationError("A client certificate needs its key. Give both ssl_cert_file and ssl_key_file.")

    @property
    def servers(self) -> list[str]:
        """The addresses, one by one."""
        return [address for part in self.bootstrap.split(",") if (address := part.strip())]

    @property
    def _uses_sasl(self) -> bool:
        return self.security_protocol.startswith("SASL")

    @property
    def _uses_ssl(self) -> bool:
        return self.security_protocol.endswith("SSL")

    def _require_credentials(self) -> None:
        if self.sasl_mechanism not in get_args(SaslMechanism):
            mechanisms = ", ".join(get_args(SaslMechanism))
            message = (
                f"{self.security_protocol} with sasl_mechanism {self.sasl_mechanism!r} cannot log in. "
                f"Write one of {mechanisms}."
            )
            raise ConfigurationError(message)
        if not self.sasl_username or not self.sasl_password:
            message = f"{self.security_protocol} needs a user. Give both sasl_username and sasl_password."
            raise ConfigurationError(message)

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return what verifies the brokers, or None without TLS."""
        if not self._uses_ssl:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ssl_ca_file)
            context.check_hostname = self.ssl_check_hostname
            if self.ssl_cert_file is not None:
                context.load_cert_chain(self.ssl_cert_file, self.ssl_key_file)
        except (OSError, ssl.SSLError) as error:
            files = [str(path) for path in (self.ssl_ca_file, self.ssl_cert_file, self.ssl_key_file) if path]
            message = (
                f"TLS to Kafka cannot be set up from {', '.join(files)}: {error}. Give readable PEM files that fit."
            )
            raise ConfigurationError(message) from error
        return context

    def kafka_python(self) -> dict[str, Any]:
        """Return the settings of kafka-python's clients."""
        return {"bootstrap_servers": self.servers, **self._python_security()}

    def aiokafka(self) -> dict[str, Any]:
        """Return the settings of aiokafka's clients."""
        return {"bootstrap_servers": self.servers, **self._python_security()}

    def confluent(self) -> dict[str, Any]:
        """Return the settings of confluent-kafka's clients."""
        settings: dict[str, Any] = {
            "bootstrap.servers": ",".join(self.servers),
            "security.protocol": self.security_protocol,
        }
        if self._uses_sasl:
            settings |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password,
            }
        if self._uses_ssl:
            files = {
                "ssl.ca.location": self.ssl_ca_file,
                "ssl.certificate.location": self.ssl_cert_file,
                "ssl.key.location": self.ssl_key_file,
            }
            settings |= {name: str(path) for name, path in files.items() if path is not None}
            settings["ssl.endpoint.identification.algorithm"] = "https" if self.ssl_check_hostname else "none"
        return settings

    def _python_security(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self._uses_sasl:
            settings |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        if self._uses_ssl:
            settings["ssl_context"] = self.ssl_context()
        return settings
