"""The Node object: what this machine offers, and the heartbeat that keeps it Ready."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from simulation_sandbox.node.api import ApiError
from simulation_sandbox.node.status import HOST_ADDRESS, timestamp

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Api, Json

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LEASE_SECONDS = 40
PODS = "250"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Put on by admission at creation and by the node lifecycle controller; without that controller nobody but us takes them off.
TAINTS_OF_ABSENCE = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}


class Registration:
    """The Node called `name`, kept as it should be by one call of `beat` every few seconds."""

    def __init__(self, api: Api, name: str, *, logs_port: int | None = None) -> None:
        self._api = api
        self._logs_port = logs_port
        self._name = name
        self._path = f"/api/v1/nodes/{name}"
        self._ready_since = timestamp(datetime.now(UTC))

    @property
    def labels(self) -> dict[str, str]:
        return {
            "kubernetes.io/hostname": self._name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": ARCHITECTURES.get(platform.machine(), platform.machine()),
        }

    async def beat(self) -> None:
        """Puts right whatever is missing or was changed meanwhile: the object, its status, its taints, the lease."""
        node = await self._api.get(self._path) or await self._create()
        await self._api.patch(f"{self._path}/status", {"status": self._status(ready=True)})
        taints = node["spec"].get("taints") or []
        kept = [taint for taint in taints if taint["key"] not in TAINTS_OF_ABSENCE]
        if kept != taints:
            await self._api.patch(self._path, {"spec": {"taints": kept or None}})
        await self._renew_lease(node["metadata"]["uid"])

    async def leave(self) -> None:
        """The Node stays, with its pods, and says that nobody is there."""
        self._ready_since = timestamp(datetime.now(UTC))
        await self._api.patch(f"{self._path}/status", {"status": self._status(ready=False)})

    async def _create(self) -> Json:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self._name, "labels": self.labels}, "spec": {}}
        return await self._api.post("/api/v1/nodes", node)

    async def _renew_lease(self, uid: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": self._name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        try:
            await self._api.patch(f"{LEASES}/{self._name}", {"spec": spec})
        except ApiError as error:
            if error.status != 404:
                raise
            owner = {"apiVersion": "v1", "kind": "Node", "name": self._name, "uid": uid}
            await self._api.post(LEASES, {"metadata": {"name": self._name, "ownerReferences": [owner]}, "spec": spec})

    def _status(self, *, ready: bool) -> Json:
        capacity = {"cpu": str(os.cpu_count() or 1), "memory": str(_memory_bytes()), "pods": PODS}
        return {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [{"type": "InternalIP", "address": HOST_ADDRESS}, {"type": "Hostname", "address": self._name}],
            "conditions": [
                self._condition("Ready", holds=ready),
                *(self._condition(f"{what}Pressure", holds=False) for what in ("Memory", "Disk", "PID")),
            ],
            "nodeInfo": _node_info(),
            **({} if self._logs_port is None else {"daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs_port}}}),
        }

    def _condition(self, kind: str, *, holds: bool) -> Json:
        return {
            "type": kind,
            "status": "True" if holds else "False",
            "reason": "ProcessNodeRuns" if kind != "Ready" or holds else "ProcessNodeStopped",
            "message": "pods run as local processes" if kind == "Ready" and holds else "",
            "lastHeartbeatTime": timestamp(datetime.now(UTC)),
            "lastTransitionTime": self._ready_since,
        }


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _node_info() -> Json:
    return {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "operatingSystem": "linux",
        "kernelVersion": platform.release(),
        "osImage": "none: local processes",
        "containerRuntimeVersion": f"process://{version('simulation-operator')}",
        "kubeletVersion": f"v{version('simulation-operator')}-process-node",
        "kubeProxyVersion": "",
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
    }
