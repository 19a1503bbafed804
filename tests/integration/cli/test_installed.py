"""portals and logs on a real API server. Behind it stands a kubelet of our own, which serves logs as the real one does."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml
from kubernetes.client import ApiClient

from simulation_sandbox.controlplane import PKI, ControlPlane

PORTALS = {
    "portals": [{"name": "default", "tier": "professional", "allowedNamespaces": ["*"]}, {"name": "idle", "allowedNamespaces": ["a", "b"]}]
}


def line(second: int, level: str, message: str) -> str:
    return f'time=2026-12-01T08:00:0{second}.000Z level={level} logger=a.b message="{message}"'


class Kubelet:
    """Logs by pod name. A query is remembered, so that a test sees what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.logs: dict[str, list[str]] = {}
        self.asked: list[str] = []
        kubelet = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kubelet.asked.append(self.path)
                pod = self.path.split("/")[3]
                self.send_response(200)
                self.end_headers()
                self.wfile.write("".join(f"{each}\n" for each in kubelet.logs.get(pod, [])).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / PKI / "apiserver.crt", folder / PKI / "apiserver.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def kubelet(control_plane_server: ControlPlane, kube: ApiClient, namespace: str) -> Iterator[Kubelet]:
    serving = Kubelet(control_plane_server.folder)
    core = kubernetes.client.CoreV1Api(kube)
    core.create_node({"metadata": {"name": namespace}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": serving.port}},
    }
    core.patch_node_status(namespace, {"status": status})
    yield serving
    core.delete_node(namespace)
    serving.stop()


@pytest.fixture
def pods(kubelet: Kubelet, kube: ApiClient, namespace: str) -> dict[str, list[str]]:
    """One pod of each component, and one of somebody else's. Put lines into them."""
    core = kubernetes.client.CoreV1Api(kube)
    for component in ("operator", "scheduler", "worker", ""):
        labels = {"app.kubernetes.io/name": "simulation-operator", "app.kubernetes.io/component": component} if component else {}
        name = component or "stranger"
        container = {"name": name, "image": "none"}
        spec = {"nodeName": namespace, "containers": [container], "automountServiceAccountToken": False}
        core.create_namespaced_pod(namespace, {"metadata": {"name": name, "labels": labels}, "spec": spec})
        kubelet.logs[name] = []
    return kubelet.logs


@pytest.fixture
def configured(kube: ApiClient, namespace: str) -> None:
    labels = {"app.kubernetes.io/name": "simulation-operator", "app.kubernetes.io/component": "portals"}
    body = {"metadata": {"name": "simulation-portals", "labels": labels}, "data": {"portals.yaml": yaml.safe_dump(PORTALS)}}
    kubernetes.client.CoreV1Api(kube).create_namespaced_config_map(namespace, body)


def test_portals_show_limits_account_and_trouble(cli: Any, cluster: Any, configured: None) -> None:
    cluster.create("launch")
    condition = {"type": "Progressing", "status": "False", "reason": "CredentialRejected", "message": "replace the token"}
    account = {"name": "default", "accountId": 424242, "accountType": "DEVELOPER_TEST"}
    cluster.show("launch", "Running", portal=account, conditions=[condition])
    ended = cli("portals", "--operator-namespace", cluster.namespace, "-o", "json")
    shown = {each["name"]: each for each in json.loads(ended.out)["portals"]}
    default, idle = shown["default"], shown["idle"]
    assert (default["configured"]["callsPerTenSeconds"], default["accountId"], default["accountType"]) == (190, 424242, "DEVELOPER_TEST")
    assert (default["trouble"], default["callsLeftToday"]) == ("CredentialRejected: replace the token", None)
    assert (idle["configured"]["allowedNamespaces"], idle["accountId"], idle["liveSimulations"]) == (["a", "b"], None, 0)
    assert json.loads(ended.out)["notes"] == ["what is left today is not known: no worker is running that could be asked"]


def test_portals_without_rights_show_what_simulations_tell(cli: Any, cluster: Any, configured: None, reader: Path) -> None:
    cluster.create("launch")
    ended = cli("portals", "--operator-namespace", cluster.namespace, kubeconfig=reader)
    assert (ended.code, ended.out.splitlines()[1].split()) == (0, ["default", "not", "seen", "–", "–", "–", "–", "–", "–", "1", "–"])
    for right in ("list simulations.simulation-operator.dev", "list configmaps in namespace", "list pods in namespace"):
        assert f"the right to {right}" in ended.err


def test_portals_without_a_look_at_simulations_show_what_is_configured(
    cli: Any, cluster: Any, configured: None, kube: ApiClient, nobody: Path
) -> None:
    rbac = kubernetes.client.RbacAuthorizationV1Api(kube)
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    rbac.create_namespaced_role(cluster.namespace, {"metadata": {"name": "looker"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "nobody", "namespace": cluster.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "looker"}
    rbac.create_namespaced_role_binding(cluster.namespace, {"metadata": {"name": "looker"}, "roleRef": role, "subjects": [subject]})
    ended = cli("portals", "--operator-namespace", cluster.namespace, kubeconfig=nobody)
    assert (ended.code, [line.split()[0] for line in ended.out.splitlines()]) == (0, ["PORTAL", "default", "idle"])
    assert "note: no Simulations are counted: " in ended.err
    assert "the right to list simulations.simulation-operator.dev" in ended.err


def test_portals_of_somebody_unknown_end_with_six(cli: Any, cluster: Any, stranger: Path) -> None:
    ended = cli("portals", kubeconfig=stranger)
    assert (ended.code, ended.out, "doesn't know who you are" in ended.err) == (6, "", True)


def test_logs_of_all_pods_stand_in_the_order_of_time(cli: Any, cluster: Any, pods: dict[str, list[str]]) -> None:
    pods["operator"] += [line(1, "info", "one"), line(4, "info", "four")]
    pods["worker"] += [line(2, "warning", "two"), "  a line of somebody else's"]
    pods["scheduler"] += [line(3, "info", "three")]
    pods["stranger"] += [line(0, "info", "not ours")]
    ended = cli("logs", "--operator-namespace", cluster.namespace)
    assert (ended.code, [each.split()[0] for each in ended.out.splitlines()]) == (
        0,
        ["operator", "worker", "worker", "scheduler", "operator"],
    )


def test_logs_of_a_simulation_are_those_that_name_it(cli: Any, cluster: Any, pods: dict[str, list[str]]) -> None:
    uid = cluster.create("launch")["metadata"]["uid"]
    named = f"{cluster.namespace}/launch"
    pods["operator"] += [line(1, "info", f"accepted {named} ({uid}): QUEUED"), line(2, "info", f"accepted {named}-2 (x)")]
    pods["worker"] += [line(3, "warning", f'batch 7 of {uid}: \\"lost\\"'), line(4, "info", "something else")]
    shown = [json.loads(each) for each in cli("logs", "launch", "-o", "json", "--operator-namespace", cluster.namespace).out.splitlines()]
    assert [(each["component"], each["level"], each["message"]) for each in shown] == [
        ("operator", "info", f"accepted {named} ({uid}): QUEUED"),
        ("worker", "warning", f'batch 7 of {uid}: "lost"'),
    ]


def test_that_no_pod_says_anything_of_a_simulation_is_said(cli: Any, cluster: Any, pods: dict[str, list[str]]) -> None:
    cluster.create("launch")
    pods["operator"] += [line(1, "info", "something else")]
    ended = cli("logs", "launch", "--operator-namespace", cluster.namespace)
    assert (ended.code, ended.out) == (0, "")
    assert "note: the pods that are there say nothing of it" in ended.err


def test_a_pod_whose_log_cannot_be_read_is_named_also_where_one_simulation_is_meant(
    cli: Any, cluster: Any, kubelet: Kubelet, pods: dict[str, list[str]]
) -> None:
    cluster.create("launch")
    kubelet.stop()
    ended = cli("logs", "launch", "--operator-namespace", cluster.namespace)
    assert (ended.code, ended.out) == (0, "")
    for component in ("operator", "scheduler", "worker"):
        assert f"note: the log of pod {cluster.namespace}/{component} can't be read" in ended.err


def test_logs_ask_only_for_what_is_wanted(cli: Any, cluster: Any, kubelet: Kubelet, pods: dict[str, list[str]]) -> None:
    cli("logs", "-c", "worker", "--since", "10m", "--tail", "3", "--operator-namespace", cluster.namespace)
    (asked,) = kubelet.asked
    assert asked.startswith(f"/containerLogs/{cluster.namespace}/worker/worker?")
    assert ("sinceSeconds=600" in asked, "tailLines=3" in asked) == (True, True)


def test_following_shows_lines_of_all_pods_until_interrupted(
    cli: Any, cluster: Any, pods: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for component in ("operator", "scheduler", "worker"):
        pods[component].append(line(1, "info", f"of the {component}"))
    seen: list[str] = []

    def echo(text: str) -> None:
        seen.append(text.split(maxsplit=1)[0])
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("simulation_cli.commands.installed.typer.echo", echo)
    ended = cli("logs", "-f", "--operator-namespace", cluster.namespace)
    assert (ended.code, sorted(seen)) == (130, ["operator", "scheduler", "worker"])


@pytest.mark.parametrize("options", [[], ["-f"]])
def test_without_rights_the_logs_name_the_right(cli: Any, cluster: Any, reader: Path, options: list[str]) -> None:
    ended = cli("logs", *options, "--operator-namespace", cluster.namespace, kubeconfig=reader)
    assert (ended.code, f"the right to list pods in namespace {cluster.namespace}" in ended.err) == (6, True)


def test_no_installation_says_so(cli: Any, cluster: Any) -> None:
    assert cli("logs", "--operator-namespace", cluster.namespace).err == "No pod of a simulation operator is seen.\n"
