"""`core-alerts topology`: what a tenant's systems are made of, from where it is known already."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import Commands, printable, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.domain.kubernetes_topology import KubernetesTopology

commands = typer.Typer(cls=Commands, no_args_is_help=True, help="Make topologies from what others know.")
_SHOWN = 3  # names, of those that are ambiguous


@commands.callback()
def topology() -> None:
    """Make topologies from what others know."""


@commands.command(name="import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Kubernetes objects, JSON or YAML; - is stdin.")
    ],
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Whose topology it is.")],
    name: Annotated[str, typer.Option("--id", metavar="ID", help="The id of the control record.")] = "kubernetes",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", dir_okay=False, help="Where the YAML goes.")
    ] = None,
) -> None:
    """Make a topology of Kubernetes objects.

    It reads lists as kubectl prints them and writes documents of kind topology, for the folder that `control apply`
    takes. Pods become parts of the deployment (or stateful set, daemon set, …) that owns them, by way of its replica
    sets, and run on their nodes. A service and the workload of its name behind it are one node; any other service
    depends on the workloads whose pods it selects, and an ingress on its services. Other kinds are passed over.

    A node of the graph is called NAMESPACE/NAME. An alert finds it by a label with that text, and by the bare name,
    an address of the pod, or the name of a replica set, where it is the only one. What does not fit into one record
    is several, with the ids ID, ID-2, …, and likewise for files; `control apply --prune` removes records that a later
    import does not need.

    \b
    Example:
      kubectl get deploy,rs,sts,ds,pod,svc,node,ingress -A -o json > cluster.json
      core-alerts topology import cluster.json --tenant acme -o rules/acme/topology.yml
    """  # noqa: D301
    from pipeline.commands.control_topic import check_key
    from pipeline.control.kubernetes_files import read_objects
    from pipeline.control.topology_documents import KIND, topology_documents
    from pipeline.domain.errors import ConfigurationError, RejectedRecordError
    from pipeline.domain.kubernetes_topology import kubernetes_topology
    from pipeline.schemas.control_records import checked_key

    check_key(tenant)
    try:
        key = checked_key(tenant, KIND, name)
    except RejectedRecordError as error:
        raise ConfigurationError(f"--{error.detail}") from error
    objects = [one for file in files for one in read_objects(file)]
    found = kubernetes_topology(objects)
    if not found.nodes:
        raise ConfigurationError(
            f"There is nothing of a topology in {_listed(map(str, files))}{_passed_over(found)}. Give what "
            "`kubectl get deploy,rs,sts,ds,pod,svc,node,ingress -o json` prints."
        )
    read = len(objects) - sum(found.skipped.values())
    documents = topology_documents(key, found, f"imported from {read} Kubernetes objects")
    if out is None:
        typer.echo("---\n".join(documents), nl=False)
    else:
        _write(out, documents)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(Counter(found.nodes.values()).items()))
    say(printable(f"{len(found.nodes):,} nodes ({kinds}) and {len(found.edges):,} edges{_passed_over(found)}."))
    if found.ambiguous:
        several = f"Names that stand for several objects: {len(found.ambiguous):,} ({_listed(found.ambiguous)})"
        say(printable(f"{several}. An alert finds such a node only by a label with NAMESPACE/NAME."))


def _write(out: Path, documents: "Iterable[str]") -> None:
    from pipeline.control.topology_documents import file_number, topology_files
    from pipeline.domain.errors import ConfigurationError

    files = topology_files(out, documents)
    for file, text in files.items():
        try:
            file.write_text(text, "utf-8")
        except OSError as error:
            message = f"{file} cannot be written: {error.strerror}. Give a file in a folder that is there."
            raise ConfigurationError(message) from error
    if len(files) > 1:
        say(printable(f"Wrote {len(files)} files, for one would be too large: {_listed(map(str, files))}."))
    left_over = file_number(out, len(files) + 1)
    if left_over.exists():
        say(printable(f"{left_over} is of a larger import before. Remove it, and any after it."))


def _passed_over(found: "KubernetesTopology") -> str:
    counts = ", ".join(f"{count:,} {kind}" for kind, count in found.skipped.items())
    return f"; passed over: {counts}" if counts else ""


def _listed(names: "Iterable[str]") -> str:
    shown = list(names)
    return ", ".join(shown[:_SHOWN]) + (", …" if len(shown) > _SHOWN else "")
