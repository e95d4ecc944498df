"""The kinds of values a setting takes: how each is read, shown, and described to the operator."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError, core_schema

from pipeline.durations import format_duration, parse_duration
from pipeline.sizes import format_size, parse_size

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler


class Kind(ABC):
    """One kind of value, used as `Annotated[type, kind]`.

    `read` raises ValueError, with a text only where it says more than `wanted`.
    """

    @property
    @abstractmethod
    def wanted(self) -> str:
        """What has to be written, as it completes "… is not"."""

    @property
    @abstractmethod
    def example(self) -> str:
        """One value that is right."""

    @abstractmethod
    def read(self, value: object) -> object:
        """Return the setting's value for what was written."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Make pydantic read the field with `read`."""
        return core_schema.no_info_plain_validator_function(self._validated)

    def _validated(self, value: object) -> Any:
        try:
            return self.read(value)
        except ValueError as exc:
            raise PydanticCustomError("kind", "{detail}", {"detail": str(exc)}) from None


@dataclass(frozen=True)
class Duration(Kind):
    """A timedelta within bounds."""

    low: str
    high: str
    example: str = "90s"

    @property
    def wanted(self) -> str:
        """The bounds and the notations."""
        return f"a duration from {self.low} to {self.high}"

    def read(self, value: object) -> timedelta:
        """Return the duration."""
        duration = parse_duration(value)
        if not parse_duration(self.low) <= duration <= parse_duration(self.high):
            raise ValueError
        return duration


@dataclass(frozen=True)
class Size(Kind):
    """A number of bytes within bounds."""

    low: str
    high: str
    example: str = "64MiB"

    @property
    def wanted(self) -> str:
        """The bounds."""
        return f"a size from {self.low} to {self.high}"

    def read(self, value: object) -> int:
        """Return the bytes."""
        size = parse_size(value)
        if not parse_size(self.low) <= size <= parse_size(self.high):
            raise ValueError
        return size


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number within bounds."""

    low: int
    high: int
    example: str = "1"

    @property
    def wanted(self) -> str:
        """The bounds."""
        return f"a whole number from {self.low} to {self.high}"

    def read(self, value: object) -> int:
        """Return the number; 1_200_000 is as good as 1200000."""
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}(_[0-9]{1,18})*", value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError
        if not self.low <= value <= self.high:
            raise ValueError
        return value


@dataclass(frozen=True)
class Name(Kind):
    """A name Kafka accepts in topics, groups and instance ids."""

    example: str = "core-alerts"

    @property
    def wanted(self) -> str:
        """The alphabet and the length."""
        return "a name of 1 to 100 letters, digits, dots, dashes and underscores"

    def read(self, value: object) -> str:
        """Return the name."""
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", value) or value in {".", ".."}:
            raise ValueError
        return value


@dataclass(frozen=True)
class Brokers(Kind):
    """One or more addresses of Kafka brokers."""

    example: str = "127.0.0.1:9092"

    @property
    def wanted(self) -> str:
        """The notation."""
        return "host:port, several separated by commas, an IPv6 address in brackets"

    def read(self, value: object) -> str:
        """Return the addresses, separated by single commas."""
        if not isinstance(value, str):
            raise ValueError
        addresses = [address.strip() for address in value.split(",")]
        for address in addresses:
            host, _, port = address.rpartition(":")
            if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]", host):
                raise ValueError("each address needs a host name, without a scheme or credentials")
            if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
                raise ValueError("each address needs a port from 1 to 65535")
        return ",".join(addresses)


@dataclass(frozen=True)
class Host(Kind):
    """An address to listen on."""

    example: str = "127.0.0.1"

    @property
    def wanted(self) -> str:
        """The notation."""
        return "an address or a host name, without a port"

    def read(self, value: object) -> str:
        """Return the address."""
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]{2,45}", value):
            raise ValueError
        return value


@dataclass(frozen=True)
class Folder(Kind):
    """A folder that exists or can be made later."""

    example: str = ".core-alerts"

    @property
    def wanted(self) -> str:
        """What may stand there already."""
        return "the path of a folder, which is made when it does not exist"

    def read(self, value: object) -> Path:
        """Return the path, with ~ replaced by the home folder."""
        path = _path(value)
        if path.exists() and not path.is_dir():
            raise ValueError("there is something else than a folder")
        return path


@dataclass(frozen=True)
class ReadableFile(Kind):
    """A file that exists."""

    example: str = "/etc/core-alerts/ca.pem"

    @property
    def wanted(self) -> str:
        """What must stand there."""
        return "the path of a file this user can read"

    def read(self, value: object) -> Path:
        """Return the path, with ~ replaced by the home folder."""
        path = _path(value)
        if not path.exists():
            raise ValueError("there is no such file")
        if not path.is_file() or not os.access(path, os.R_OK):
            raise ValueError("it cannot be read")
        return path


def _path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError
    try:
        return Path(value).expanduser()
    except RuntimeError:  # ~somebody, who does not exist
        raise ValueError("its home folder is not known") from None


def show(value: object) -> str:
    """Return a setting's value as an operator would write it."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def show_with(kind: Kind | None, value: object) -> str:
    """Return `value` as an operator would write it for a field of `kind`."""
    return format_size(value) if isinstance(kind, Size) and isinstance(value, int) else show(value)
