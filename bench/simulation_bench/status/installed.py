"""The product in a sandbox of the bench's own, installed with the chart: its processes are pods, with the rights the chart gives them."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
from sqlalchemy import Engine

from simulation_bench import portals
from simulation_bench.emulator import NO_LIMIT, Emulator
from simulation_bench.status.apiserver import ApiServer
from simulation_core.ledger.engine import create_ledger_engine
from simulation_sandbox import cluster as sandboxes
from simulation_sandbox.install import NAMESPACE, RELEASE, Installation, install
from simulation_sandbox.layout import Layout
from simulation_sandbox.postgres import Postgres
from simulation_sandbox.processes import ProcessId

Say = Callable[[str], None]

READY_SECONDS = 120
LOOK_SECONDS = 0.1
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/component=operator"


@dataclass(kw_only=True)
class Installed:
    api: ApiServer
    engine: Engine  # the bench's own connection to the ledger
    operator_mb: float = 0.0  # the most any of its processes has had, as far as it was looked at
    _metrics: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=10, trust_env=False))

    def kill_operator(self) -> ProcessId:
        """kill -9; which process it was."""
        self.look_at_memory()
        process = self._process()
        if process is None or not process.send(SIGKILL):
            raise ProcessLookupError("there is no operator to kill")
        return process

    def look_at_memory(self) -> None:
        """Peaks only grow, so the last look before an end counts."""
        if (process := self._process()) is not None:
            with suppress(OSError):
                self.operator_mb = max(self.operator_mb, _peak_mb(process.pid))

    def metrics(self) -> Mapping[str, float]:
        """The operator's, each summed over its labels. Empty while it doesn't answer."""
        found: dict[str, float] = {}
        with suppress(httpx.TransportError):
            for line in self._metrics.get(f"http://{self._pod()['status']['podIP']}:8080/metrics").text.splitlines():
                if not line.startswith("#"):
                    name, _, value = line.rpartition(" ")
                    name = name.partition("{")[0]
                    found[name] = found.get(name, 0.0) + float(value)
        return found

    @contextmanager
    def without_operator(self) -> Iterator[None]:
        self._scale(0)
        try:
            yield
        finally:
            self._scale(1)

    def operator_is_another_than(self, process: ProcessId) -> bool:
        return self._process() not in (None, process)

    def close(self) -> None:
        self._metrics.close()
        self.engine.dispose()
        self.api.close()

    def _scale(self, replicas: int) -> None:
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}-operator"
        self.api.scale(f"{path}/scale", replicas)

        def reached() -> bool:
            status = self.api.get(path)["status"]
            return bool(status.get("replicas", 0) == status.get("readyReplicas", 0) == replicas)

        wait_for(reached, f"{replicas} operators", READY_SECONDS)

    def _pod(self) -> Any:
        (pod,) = (pod for pod in self.api.get(_PODS)["items"] if "deletionTimestamp" not in pod["metadata"])
        return pod

    def _process(self) -> ProcessId | None:
        """As the sandbox's node names it: process://<container>-<pid>."""
        container = self._pod()["status"]["containerStatuses"][0]
        return ProcessId.of(int(container["containerID"].rpartition("-")[2])) if container.get("containerID") else None


@contextmanager
def installed(say: Say) -> Iterator[Installed]:
    """Removed afterwards, with all that it has stored."""
    folder = Path(tempfile.mkdtemp(prefix="simulation-bench-"))
    folder.chmod(0o711)
    layout = Layout(folder / "sandbox")
    try:
        sandboxes.up(layout, say, attached=True)
        Emulator(layout.hubspot_url).limit(portals.PORTAL, NO_LIMIT)
        install(layout, Installation(hubspot_url=layout.hubspot_url, token=portals.TOKEN, values=_values(layout)), say)
        engine = create_ledger_engine(Postgres(layout.postgres).url, application_name="bench", pool_size=2)
        product = Installed(api=ApiServer(layout.kubeconfig), engine=engine)
        try:
            yield product
        finally:
            product.close()
    finally:
        sandboxes.remove(layout, say)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(holds: Callable[[], bool], what: str, within_seconds: float) -> None:
    until_s = time.monotonic() + within_seconds
    while not holds():
        if time.monotonic() > until_s:
            raise TimeoutError(f"{what}: not within {within_seconds:g} s")
        time.sleep(LOOK_SECONDS)


def _values(layout: Layout) -> dict[str, Any]:
    """One portal whose budget is no limit: what is measured is the operator."""
    portal = {
        "name": portals.PORTAL,
        "existingSecret": "simulation-portal-default",
        "url": layout.hubspot_url,
        "callsPerTenSeconds": portals.CALLS_PER_TEN_SECONDS,
        "callsPerDay": portals.CALLS_PER_DAY,
        "allowedNamespaces": ["*"],
    }
    return {"portals": [portal], "worker": {"minimum": 1, "maximum": 1}}


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
