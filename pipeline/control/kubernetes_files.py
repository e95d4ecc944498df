"""Files with Kubernetes objects, as kubectl prints them: JSON, or YAML of one or more documents."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.control.yaml import YamlError, read_documents
from pipeline.domain.errors import ConfigurationError
from pipeline.exchange import STDIN
from pipeline.schemas.kubernetes import objects_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.domain.kubernetes_topology import KubernetesObject

LARGEST_JSON: Final = 128 * 2**20
LARGEST_YAML: Final = 16 * 2**20
_DEEPEST: Final = 64  # levels of YAML; a pod of today has some 16
_MIB: Final = 2**20


def read_objects(file: Path) -> Iterator[KubernetesObject]:
    """Yield the objects in a file; `-` is stdin.

    Raises:
        ConfigurationError: if it cannot be read, is too large, or has something else in it.
    """
    data = _bytes_of(file)
    if data.lstrip()[:1] == b"{":
        yield from objects_of(_json(data, file), str(file))
        return
    if len(data) > LARGEST_YAML:
        raise ConfigurationError(
            f"{file} is YAML of more than {LARGEST_YAML // _MIB} MiB. Take -o json, which is read much faster, or one "
            "namespace at a time."
        )
    try:
        for document in read_documents(data.decode("utf-8-sig"), _DEEPEST):
            yield from objects_of(document.value, f"{file}:{document.line}")
    except YamlError as error:
        raise ConfigurationError(f"{file}:{error.line}: {error.what}. Give what kubectl printed, as it is.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8. Give what kubectl printed, as it is.") from None


def _bytes_of(file: Path) -> bytes:
    try:
        if file == STDIN:
            data = sys.stdin.buffer.read(LARGEST_JSON + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(LARGEST_JSON + 1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}. Check the path and its rights.") from None
    if len(data) > LARGEST_JSON:
        raise ConfigurationError(
            f"{file} is larger than {LARGEST_JSON // _MIB} MiB. Take one namespace at a time: kubectl -n NAMESPACE."
        )
    return data


def _json(data: bytes, file: Path) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{file} is not JSON: {error}. Give what kubectl printed, as it is.") from None
