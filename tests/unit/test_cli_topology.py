from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.commands.program import program
from pipeline.control.folder import LARGEST_FILE, read_folder
from pipeline.control.report import report
from pipeline.control.topology_documents import topology_files
from pipeline.domain.topology_part import TopologyPart, joined
from pipeline.schemas.control_records import RECORD

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from pipeline.domain.topology import Topology

LIST = """\
apiVersion: v1
kind: List
items:
  - kind: Node
    metadata: {name: node-7, labels: {kubernetes.io/os: linux}}
    status: {addresses: [{type: InternalIP, address: 192.168.0.7}, {type: ExternalIP, address: 203.0.113.7}]}
  - kind: Deployment
    metadata: {name: checkout, namespace: shop}
    spec: {selector: {matchLabels: {app: checkout}}}
  - kind: ReplicaSet
    metadata:
      name: checkout-7d9f
      namespace: shop
      ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: checkout, controller: true}]
  - kind: Pod
    metadata:
      name: checkout-7d9f-x
      namespace: shop
      creationTimestamp: null
      labels: {app: checkout}
      ownerReferences:
        - {kind: Backup, name: nightly}
        - {kind: ReplicaSet, name: checkout-7d9f, controller: true}
    spec: {nodeName: node-7, containers: [{name: web, ports: [{containerPort: 8080}]}, {name: side}]}
    status: {phase: Running, podIP: 10.0.0.7}
  - kind: Pod
    metadata: {name: exporter, namespace: shop}
    spec: {nodeName: node-7, hostNetwork: true, containers: [{ports: [{containerPort: 9100}]}]}
    status: {phase: Running, podIP: 192.168.0.7}
  - kind: Pod
    metadata: {name: done, namespace: shop}
    status: {phase: Succeeded, podIP: 10.0.0.9}
  - kind: Service
    metadata: {name: front, namespace: shop}
    spec: {selector: {app: checkout}}
  - kind: Ingress
    metadata: {name: web, namespace: shop}
    spec:
      defaultBackend: {resource: {kind: Bucket, name: assets}}
      rules: [{host: shop.example, http: {paths: [{path: /, backend: {service: {name: front, port: {number: 80}}}}]}}]
  - kind: Secret
    metadata: {name: password, namespace: shop}
    data: {a: b}
"""


def imported(*arguments: object, stdin: str | bytes = "") -> Result:
    asked = ["topology", "import", *arguments, "--tenant", "acme"]
    return CliRunner().invoke(program, [str(one) for one in asked], input=stdin)


def written(tmp_path: Path, text: str = LIST, name: str = "list.yml") -> Path:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def graph_of(folder: Path) -> Topology:
    """Return what a control folder says of acme's topology, which the linter has nothing against."""
    found = read_folder(folder)
    assert report(found, 0) == []
    graph = joined(one.rule for one in found.rules.values() if isinstance(one.rule, TopologyPart))
    assert graph is not None
    return graph


def test_what_is_imported_is_a_control_folder_that_says_pod_deployment_node(tmp_path: Path) -> None:
    out = tmp_path / "rules" / "acme" / "topology.yml"
    out.parent.mkdir(parents=True)
    result = imported(written(tmp_path), "-o", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "7 nodes (1 Deployment, 1 Ingress, 1 Node, 3 Pod, 1 Service) and 5 edges; passed over: 1 Secret.\n"
    )
    graph = graph_of(tmp_path / "rules")
    assert graph.nodes_of({"pod": "checkout-7d9f-x"}) == ("shop/checkout-7d9f-x",)
    assert graph.service_of("shop/checkout-7d9f-x") == "shop/checkout"
    assert graph.host_of["shop/checkout-7d9f-x"] == ["node-7"]
    assert graph.depends_on == {"shop/front": ["shop/checkout"], "shop/web": ["shop/front"]}


def test_addresses_are_those_of_pods_that_have_one_of_their_own(tmp_path: Path) -> None:
    (document,) = yaml.safe_load_all(imported(written(tmp_path)).stdout)
    addresses = {value: node for value, node in document["spec"]["values"].items() if value[0].isdigit()}
    assert addresses == {
        "10.0.0.7": "shop/checkout-7d9f-x",
        "10.0.0.7:8080": "shop/checkout-7d9f-x",
        "192.168.0.7": "node-7",
    }


def test_json_and_documents_and_lists_of_their_kind_are_read_alike(tmp_path: Path) -> None:
    items = yaml.safe_load(LIST)["items"]
    pods, others = ([one for one in items if (one["kind"] == "Pod") == is_pod] for is_pod in (True, False))
    as_json = written(tmp_path, json.dumps({"kind": "PodList", "items": pods}), "pods.json")
    as_documents = written(tmp_path, yaml.safe_dump_all(others), "others.yml")
    whole = imported(written(tmp_path))
    assert imported(as_json, as_documents).stdout == whole.stdout
    assert imported("-", stdin=json.dumps(yaml.safe_load(LIST))).stdout == whole.stdout


def test_the_id_may_be_another_one(tmp_path: Path) -> None:
    (document,) = yaml.safe_load_all(imported(written(tmp_path), "--id", "east").stdout)
    assert (document["tenant"], document["kind"], document["id"]) == ("acme", "topology", "east")
    assert document["comment"] == "imported from 8 Kubernetes objects"


def many_pods(count: int, of: str = "checkout") -> dict[str, Any]:
    owners = [{"kind": "StatefulSet", "name": of, "controller": True}]
    return {
        "kind": "List",
        "items": [
            {
                "kind": "Pod",
                "metadata": {"name": f"{of}-{number}", "namespace": "shop", "ownerReferences": owners},
                "spec": {"nodeName": f"node-{number % 10}"},
            }
            for number in range(count)
        ],
    }


def test_what_does_not_fit_into_one_record_is_several_that_are_one_graph(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    file = written(tmp_path, json.dumps(many_pods(300)), "pods.json")
    assert imported(file, "-o", folder / "topology.yml").exit_code == 0
    found = read_folder(folder)
    assert [key.id for key in found.rules] == ["kubernetes", "kubernetes-2"]
    assert max(len(document.spec) for document in found.rules.values()) < RECORD
    assert len(graph_of(folder).parts["shop/checkout"]) == 300


def test_a_file_that_is_full_is_followed_by_another_and_what_an_import_before_left_is_told(tmp_path: Path) -> None:
    first = tmp_path / "topology.yml"
    half = "a" * (LARGEST_FILE // 2)
    assert topology_files(first, ["one", "two", half, half, "three"]) == {
        first: f"one---\ntwo---\n{half}",
        tmp_path / "topology-2.yml": f"{half}---\nthree",
    }
    left_over = written(tmp_path, "", "topology-2.yml")
    result = imported(written(tmp_path), "-o", first)
    assert f"{left_over} is of a larger import before. Remove it, and any after it.\n" in result.stderr


def test_names_that_stand_for_several_objects_are_told(tmp_path: Path) -> None:
    items = [{"kind": "StatefulSet", "metadata": {"name": "db", "namespace": space}} for space in ("shop", "blog")]
    result = imported("-", stdin=json.dumps({"kind": "List", "items": items}))
    assert "Names that stand for several objects: 1 (db). An alert finds such a node only by" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "list.yml is not JSON"),
        ("{" + '"a":{' * 100_000, "list.yml is not JSON"),
        ("a: [b", "list.yml:2: is not YAML"),
        ("kind: &a List\nitems: [*a]\n", "list.yml:1: uses an anchor (&) or alias (*)"),
        ("a: " + "[" * 70 + "]" * 70, "list.yml:1: is nested more than 64 levels deep"),
        ("- a\n", "list.yml:1: is no Kubernetes object: Expected `object`, got `array`. Give what `kubectl get"),
        (
            "kind: Pod\nmetadata: {labels: {}}\n",
            "list.yml:1.metadata: is no Kubernetes object: Object missing required",
        ),
        (
            "kind: List\nitems:\n  - {kind: Pod, metadata: {name: a}, spec: {nodeName: 7}}\n",
            "list.yml:1.items[0].spec: is no Kubernetes object: Expected `str | null`, got `int` - at `$.nodeName`.",
        ),
        ("kind: Node\nmetadata: {name: ''}\n", "Expected `str` of length >= 1 - at `$.name`."),
        ("kind: Secret\nmetadata: {name: a}\n", "There is nothing of a topology in"),
        ("", "There is nothing of a topology in"),
    ],
)
def test_what_is_no_list_of_objects_is_wrong_usage_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    result = imported(written(tmp_path, text))
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr[:500]


def test_lists_in_lists_have_an_end(tmp_path: Path) -> None:
    nested: dict[str, Any] = {"kind": "List", "items": []}
    for _ in range(9):
        nested = {"kind": "List", "items": [nested]}
    assert "is a list of lists, more than 8 deep" in imported("-", stdin=json.dumps(nested)).stderr


@pytest.mark.parametrize(
    ("size", "start", "message"),
    [(16, b"kind: List\n#", "is YAML of more than 16 MiB"), (128, b"{", "is larger than 128 MiB")],
)
def test_a_file_that_is_too_large_is_refused(tmp_path: Path, size: int, start: bytes, message: str) -> None:
    file = tmp_path / "large"
    with file.open("wb") as large:
        large.write(start)
        large.truncate(size * 2**20 + 1)
    result = imported(file)
    assert (result.exit_code, message in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--id", "a b"], "--id: 'a b' is no id"),
        (["--tenant", "ACME"], "'ACME' is no tenant"),
        (["-o", "{tmp}/no/folder.yml"], "cannot be written"),
    ],
)
def test_options_that_cannot_be_are_wrong_usage(tmp_path: Path, options: list[str], message: str) -> None:
    asked = ["topology", "import", str(written(tmp_path)), "--tenant", "acme"]
    result = CliRunner().invoke(program, [*asked, *(one.replace("{tmp}", str(tmp_path)) for one in options)])
    assert (result.exit_code, message in result.stderr) == (2, True), result.output


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = imported(tmp_path / "nothing.json")
    assert (result.exit_code, "nothing.json cannot be read: No such file or directory." in result.stderr) == (2, True)


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    evil = {
        "kind": "List",
        "items": [{"kind": "\x1b[2J", "metadata": {"name": "a"}}, *many_pods(1, "\x1b[2J")["items"]],
    }
    result = imported("-", stdin=json.dumps(evil))
    assert result.exit_code == 0
    assert "\x1b" not in result.output
