"""A container's log through the API server, as `kubectl logs` reads it."""

from __future__ import annotations

import ssl
import threading
from typing import Any

import httpx
import pytest
from kubernetes.client import ApiClient, ApiException, CoreV1Api

from simulation_sandbox.controlplane import ControlPlane
from simulation_sandbox.waiting import wait_for

TALKS = "echo one; echo two; trap 'echo three; exit 0' TERM; while :; do sleep 0.1; done"


@pytest.fixture(autouse=True)
def _serving(start_node: Any, control_plane_server: ControlPlane) -> None:
    start_node(keys=control_plane_server.keys)


@pytest.fixture
def talking(pods: Any) -> str:
    pods.create("talker", pods.shell(TALKS))
    pods.wait_log("talker", "two")
    return "talker"


def test_all_of_it_or_its_last_lines(kube: ApiClient, namespace: str, talking: str) -> None:
    read = CoreV1Api(kube).read_namespaced_pod_log
    assert read(talking, namespace) == "one\ntwo\n"
    assert read(talking, namespace, tail_lines=1) == "two\n"
    assert read(talking, namespace, container="main", since_seconds=60) == "one\ntwo\n"


def test_a_container_that_wrote_nothing_is_not_found(kube: ApiClient, namespace: str, pods: Any, talking: str) -> None:
    pods.create("waiting", pods.shell("exit 0"), initContainers=[pods.shell("sleep 60", name="first")])
    pods.wait("waiting", lambda pod: "running" in pods.container(pod, "first").get("state", {}))
    with pytest.raises(ApiException) as raised:
        CoreV1Api(kube).read_namespaced_pod_log("waiting", namespace, container="main")
    assert raised.value.status in {400, 404}


def test_followed_it_goes_on_to_its_last_words(kube: ApiClient, namespace: str, pods: Any, talking: str) -> None:
    seen: list[str] = []

    def follow() -> None:
        answer = CoreV1Api(kube).read_namespaced_pod_log(talking, namespace, follow=True, _preload_content=False, _request_timeout=60)
        seen.extend(chunk.decode() for chunk in answer.stream(amt=None))

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    wait_for(lambda: "".join(seen) == "one\ntwo\n", what="what there is", within_seconds=20)
    pods.delete(talking)
    reader.join(timeout=20)
    assert not reader.is_alive()
    assert "".join(seen) == "one\ntwo\nthree\n"


def test_nobody_but_the_api_server_may_ask(
    kube: ApiClient, namespace: str, talking: str, node_name: str, control_plane_server: ControlPlane
) -> None:
    port = CoreV1Api(kube).read_node(node_name).status.daemon_endpoints.kubelet_endpoint.port
    authority = ssl.create_default_context(cafile=str(control_plane_server.keys / "ca.crt"))
    with httpx.Client(verify=authority, trust_env=False, timeout=10) as client, pytest.raises(httpx.TransportError):
        client.get(f"https://127.0.0.1:{port}/containerLogs/{namespace}/{talking}/main")
