"""Kubernetes objects as the API writes them, as far as they tell of a topology."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from pipeline.domain.errors import ConfigurationError
from pipeline.domain.kubernetes_topology import INGRESS, KINDS, NODE, POD, SERVICE, KubernetesObject, Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEEPEST: Final = 8  # lists of lists
_REMEDY: Final = "Give what `kubectl get deploy,rs,sts,ds,pod,svc,node,ingress -o json` prints"
_OVER: Final = frozenset(("Succeeded", "Failed"))
_DEFAULT_NAMESPACE: Final = "default"
_LONGEST_ADDRESS: Final = 253
_ADDRESSES: Final = frozenset(("InternalIP", "Hostname", "InternalDNS"))


class _Camel(msgspec.Struct, rename="camel"):
    pass


class _OwnerReference(_Camel):
    kind: str
    name: str
    controller: bool = False


class _Metadata(_Camel):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    namespace: str | None = None
    labels: dict[str, str] | None = None
    owner_references: list[_OwnerReference] | None = None


class _Port(_Camel):
    container_port: int


class _Container(_Camel):
    ports: list[_Port] | None = None


class _PodSpec(_Camel):
    node_name: str | None = None
    host_network: bool | None = None
    containers: list[_Container] | None = None


class _PodStatus(_Camel):
    phase: str | None = None
    pod_ip: str | None = msgspec.field(name="podIP", default=None)


class _Address(_Camel):
    type: str
    address: str


class _NodeStatus(_Camel):
    addresses: list[_Address] | None = None


class _ServiceSpec(_Camel):
    selector: dict[str, str] | None = None


class _NamedService(_Camel):
    name: str


class _Backend(_Camel):
    service: _NamedService | None = None


class _Path(_Camel):
    backend: _Backend | None = None


class _Http(_Camel):
    paths: list[_Path] | None = None


class _Rule(_Camel):
    http: _Http | None = None


class _IngressSpec(_Camel):
    default_backend: _Backend | None = None
    rules: list[_Rule] | None = None


class _Written(_Camel):
    kind: str
    metadata: Any = None
    spec: Any = None
    status: Any = None
    items: list[Any] | None = None


def objects_of(document: object, place: str) -> Iterator[KubernetesObject]:
    """Yield the objects of a document: itself, or what a list of them holds.

    Raises:
        ConfigurationError: naming `place`, where something is no object.
    """
    yield from _objects(document, place, 0)


def _objects(document: object, place: str, depth: int) -> Iterator[KubernetesObject]:
    written = _read(document, _Written, place)
    if written.items is None or not written.kind.endswith("List"):
        yield _object(written, place)
        return
    if depth == _DEEPEST:
        raise ConfigurationError(f"{place}: is a list of lists, more than {_DEEPEST} deep. {_REMEDY}.")
    for number, item in enumerate(written.items):
        yield from _objects(item, f"{place}.items[{number}]", depth + 1)


def _object(written: _Written, place: str) -> KubernetesObject:
    if written.kind not in KINDS:
        return KubernetesObject(written.kind, "")
    metadata = _read(written.metadata, _Metadata, f"{place}.metadata")
    references = metadata.owner_references or []
    owner = next((one for one in references if one.controller), references[0] if references else None)
    about = _ABOUT[written.kind](written, place) if written.kind in _ABOUT else {}
    return KubernetesObject(
        kind=written.kind,
        name=metadata.name,
        namespace="" if written.kind == NODE else metadata.namespace or _DEFAULT_NAMESPACE,
        labels=metadata.labels or {},
        owner=None if owner is None else Owner(owner.kind, owner.name),
        **about,
    )


def _pod(written: _Written, place: str) -> dict[str, Any]:
    spec = _read(written.spec or {}, _PodSpec, f"{place}.spec")
    status = _read(written.status or {}, _PodStatus, f"{place}.status")
    addresses: list[str] = []
    # One on the network of its node has the node's address, and that of one that is over may be another's by now.
    if status.pod_ip and len(status.pod_ip) <= _LONGEST_ADDRESS and not spec.host_network and status.phase not in _OVER:
        ports = [port.container_port for one in spec.containers or () for port in one.ports or ()]
        addresses = [status.pod_ip, *(f"{status.pod_ip}:{port}" for port in ports)]
    return {"runs_on": spec.node_name or "", "addresses": tuple(addresses)}


def _node(written: _Written, place: str) -> dict[str, Any]:
    status = _read(written.status or {}, _NodeStatus, f"{place}.status")
    return {"addresses": tuple(one.address for one in status.addresses or () if _is_known(one))}


def _is_known(address: _Address) -> bool:
    return address.type in _ADDRESSES and 0 < len(address.address) <= _LONGEST_ADDRESS


def _service(written: _Written, place: str) -> dict[str, Any]:
    return {"selector": _read(written.spec or {}, _ServiceSpec, f"{place}.spec").selector or {}}


def _ingress(written: _Written, place: str) -> dict[str, Any]:
    spec = _read(written.spec or {}, _IngressSpec, f"{place}.spec")
    backends = [path.backend for rule in spec.rules or () if rule.http for path in rule.http.paths or ()]
    named = [one.service.name for one in (spec.default_backend, *backends) if one and one.service]
    return {"services": tuple(dict.fromkeys(named))}


_ABOUT: Final[dict[str, Callable[[_Written, str], dict[str, Any]]]] = {
    POD: _pod,
    NODE: _node,
    SERVICE: _service,
    INGRESS: _ingress,
}


def _read(value: object, wanted: type[Any], place: str) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ConfigurationError(f"{place}: is no Kubernetes object: {error}. {_REMEDY}.") from None
