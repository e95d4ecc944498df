"""A labelled set of alerts: `alerts.jsonl[.gz]`, each with extra.truth, and perhaps `topology.yaml`.

The truth is taken out of every alert before anything else sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import yaml

from pipeline.domain.errors import ConfigurationError
from pipeline.domain.topology import Edge, Topology
from pipeline.exchange import interpret, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.exchange import Line

_FILES: Final = ("alerts.jsonl", "alerts.jsonl.gz")
_FORM: Final = '{"incident": text or null, "wanted": true or false, "step": text or null, "root_cause": text or null}'


class Truth(msgspec.Struct, frozen=True):
    """What is known of one alert."""

    incident: str | None = None
    wanted: bool = True
    step: str | None = None
    root_cause: str | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """One alert as it was sent, and what is known of it."""

    line: Line
    truth: Truth


class _Raw(msgspec.Struct):
    incident: str | int | None = None
    wanted: bool = True
    step: str | None = None
    root_cause: str | None = None


def is_alert_set(folder: Path) -> bool:
    """Say whether a folder holds labelled alerts."""
    return any((folder / name).is_file() for name in _FILES)


def read_alerts(folder: Path) -> Iterator[Labelled]:
    """Yield the alerts of a folder in their order.

    Raises:
        ConfigurationError: for a line without a truth that can be read, with its number and what to write.
    """
    path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if path is None:
        raise ConfigurationError(f"{folder} has neither {' nor '.join(_FILES)}. Put the alerts there, one a line.")
    for number, text in read_lines(path):
        yield _labelled(path, number, text)


def _labelled(path: Path, number: int, text: bytes) -> Labelled:
    try:
        alert = msgspec.json.decode(text, type=dict[str, Any])
        extra = dict(alert.get("extra") or {})
        found = msgspec.convert(extra.pop("truth"), _Raw)
    except KeyError:
        raise ConfigurationError(f"{path}, line {number}: no extra.truth. Write {_FORM}.") from None
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}, line {number}: {error}. Write extra.truth as {_FORM}.") from None
    incident = None if found.incident is None else str(found.incident)
    without = {key: value for key, value in alert.items() if key != "extra"} | ({"extra": extra} if extra else {})
    truth = Truth(incident, found.wanted, found.step, found.root_cause)
    return Labelled(interpret(number, msgspec.json.encode(without)), truth)


def read_topology(folder: Path) -> Topology | None:
    """Return the graph in `topology.yaml` of a folder, None where there is none.

    It is read leniently: nodes are ids or mappings with an id, edges have two ends under any of their usual names, and
    what else is there is left alone.

    Raises:
        ConfigurationError: if it cannot be read.
    """
    path = folder / "topology.yaml"
    if not path.is_file():
        return None
    try:
        found = yaml.safe_load(path.read_text())
        nodes = dict(_node(node) for node in found.get("nodes") or ())
        edges = [_edge(edge) for edge in found.get("edges") or ()]
        labels = found.get("labels")
        values = {str(value): str(node) for value, node in (found.get("values") or {}).items()}
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        remedy = "Write nodes: [{id: …, type: …}] and edges: [{source: …, target: …, label: …}]"
        raise ConfigurationError(f"{path} cannot be read ({error!r}). {remedy}.") from None
    named = [str(label) for label in labels] if isinstance(labels, list) else None
    return Topology(nodes, edges, labels=named, values=values)


def _node(node: Any) -> tuple[str, str]:
    if isinstance(node, dict):
        return str(node["id"] if "id" in node else node["name"]), str(node.get("type") or node.get("kind") or "")
    return str(node), ""


def _edge(edge: Any) -> Edge:
    if isinstance(edge, list | tuple):
        source, target, *label = edge
        return Edge(str(source), str(target), str(label[0]) if label else "depends_on")
    source, target = (
        next(edge[name] for name in names if name in edge) for names in (("source", "from"), ("target", "to"))
    )
    return Edge(
        str(source), str(target), str(edge.get("label") or edge.get("type") or edge.get("kind") or "depends_on")
    )
