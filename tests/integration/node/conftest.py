"""A process node on the real API server, and pods that say only what matters."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kubernetes.client import ApiClient, ApiException, CoreV1Api

from simulation_sandbox.node.node import ProcessNode, Timing
from simulation_sandbox.node.pod import BackOff
from simulation_sandbox.waiting import wait_for

Json = dict[str, Any]
Found = TypeVar("Found")
QUICK = Timing(back_off=BackOff(base_seconds=0.3, limit_seconds=5), poll_seconds=0.3, heartbeat_seconds=1, stop_grace_seconds=5)
WITHIN_SECONDS = 20


@pytest.fixture
def quick() -> Timing:
    """So that tests needn't wait."""
    return QUICK


@pytest.fixture
def node_name(namespace: str) -> str:
    """Each test's own: a node left behind by another test can't take its pods."""
    return f"node-{namespace}"


@pytest.fixture
def start_node(control_plane: Path, kube: ApiClient, session_folder: Path, node_name: str) -> Iterator[Callable[..., ProcessNode]]:
    """Starts the test's node, again if asked again; stops what still runs."""
    nodes: list[ProcessNode] = []

    def start(**changes: Any) -> ProcessNode:
        node = ProcessNode(
            control_plane,
            session_folder / node_name,
            Path(sys.executable).parent,
            node_name,
            keys=changes.get("keys"),
            timing=changes.get("timing", QUICK),
        )
        nodes.append(node)
        node.start()
        return node

    yield start
    for node in nodes:
        node.stop()
    with suppress(ApiException):
        CoreV1Api(kube).delete_node(node_name)


@pytest.fixture
def node(start_node: Callable[..., ProcessNode]) -> ProcessNode:
    return start_node()


@dataclass(frozen=True)
class Pods:
    """The pods of one test's namespace, all for its node, as plain JSON."""

    kube: ApiClient
    namespace: str
    node_name: str

    def spec(self, *containers: Json, **fields: Any) -> Json:
        """Scheduled by its labels, so that the node has to bind it."""
        selector = {"kubernetes.io/hostname": self.node_name}
        return {"containers": list(containers), "nodeSelector": selector, "terminationGracePeriodSeconds": 5, **fields}

    def create(self, name: str, *containers: Json, metadata: Json | None = None, **fields: Any) -> Json:
        # admission refuses pods until the namespace has its service account
        wait_for(lambda: self._exists("default"), what="the namespace's service account", within_seconds=WITHIN_SECONDS)
        body = {"metadata": {"name": name, **(metadata or {})}, "spec": self.spec(*containers, **fields)}
        return self._plain(CoreV1Api(self.kube).create_namespaced_pod(self.namespace, body))

    def get(self, name: str) -> Json | None:
        try:
            return self._plain(CoreV1Api(self.kube).read_namespaced_pod(name, self.namespace))
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def wait(self, name: str, condition: Callable[[Json], Found], *, what: str = "", within_seconds: float = WITHIN_SECONDS) -> Json:
        """The pod, once `condition` holds for it."""
        latest: Json = {}

        def holds() -> Json | None:
            latest.clear()
            latest.update(self.get(name) or {})
            return latest if latest and condition(latest) else None

        try:
            return wait_for(holds, what=what or f"pod {name}", within_seconds=within_seconds)
        except Exception as error:
            error.add_note(f"its status is {latest.get('status')}")
            raise

    def wait_ready(self, name: str) -> Json:
        return self.wait(name, lambda pod: self.condition(pod, "Ready") == "True", what=f"pod {name} to be ready")

    def wait_phase(self, name: str, phase: str) -> Json:
        return self.wait(name, lambda pod: pod["status"].get("phase") == phase, what=f"pod {name} to be {phase}")

    def wait_gone(self, name: str, *, within_seconds: float = WITHIN_SECONDS) -> float:
        """How many seconds it took."""
        began = time.monotonic()
        wait_for(lambda: self.get(name) is None, what=f"pod {name} to be gone", within_seconds=within_seconds)
        return time.monotonic() - began

    def delete(self, name: str, **options: Any) -> None:
        CoreV1Api(self.kube).delete_namespaced_pod(name, self.namespace, **options)

    def log(self, pod: Json, container: str = "main") -> str:
        """What it has written so far."""
        folder = pod["metadata"].get("annotations", {}).get("sandbox.simulation-operator.dev/log")
        path = Path(folder or "/nowhere") / f"{container}.log"
        return path.read_text() if path.exists() else ""

    def wait_log(self, name: str, text: str, container: str = "main") -> str:
        pod = self.wait(name, lambda pod: text in self.log(pod, container), what=f"{text!r} in the log of {name}")
        return self.log(pod, container)

    @staticmethod
    def shell(script: str, name: str = "main", **fields: Any) -> Json:
        """A container that runs a shell script; `exec` in it makes signals reach the program."""
        return {"name": name, "image": "unused", "command": ["/bin/sh", "-c", script], **fields}

    @staticmethod
    def condition(pod: Json, kind: str) -> str:
        conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions") or ()}
        return conditions.get(kind, "")

    @staticmethod
    def container(pod: Json, name: str = "main") -> Json:
        """The container's status, whether or not it is an init container."""
        statuses = (*(pod["status"].get("initContainerStatuses") or ()), *(pod["status"].get("containerStatuses") or ()))
        return next((status for status in statuses if status["name"] == name), {})

    @classmethod
    def waiting(cls, pod: Json, name: str = "main") -> Json:
        """Why the container waits; empty if it doesn't."""
        waiting: Json = cls.container(pod, name).get("state", {}).get("waiting", {})
        return waiting

    def _exists(self, account: str) -> bool:
        try:
            CoreV1Api(self.kube).read_namespaced_service_account(account, self.namespace)
        except ApiException:
            return False
        return True

    def _plain(self, pod: object) -> Json:
        plain: Json = self.kube.sanitize_for_serialization(pod)
        return plain


@pytest.fixture
def pods(kube: ApiClient, namespace: str, node_name: str) -> Pods:
    return Pods(kube, namespace, node_name)


@pytest.fixture
def pods_of() -> type[Pods]:
    """For a test with a control plane of its own."""
    return Pods
