"""The process node: which pods are ours, and a worker for each."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from simulation_sandbox.errors import SandboxError
from simulation_sandbox.node.addresses import Addresses
from simulation_sandbox.node.api import Api, ApiAwayError, ApiError, Listed
from simulation_sandbox.node.log_server import served_logs
from simulation_sandbox.node.objects import ObjectCache
from simulation_sandbox.node.place import place_of
from simulation_sandbox.node.pod import BackOff
from simulation_sandbox.node.registration import Registration
from simulation_sandbox.node.worker import PodWorker, Tools

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json

READY_WITHIN_SECONDS = 60.0
DEFAULT_SCHEDULER = "default-scheduler"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Shorter than a kubelet's where a person would have to wait."""

    back_off: BackOff = field(default_factory=lambda: BackOff(base_seconds=1, limit_seconds=60))
    poll_seconds: float = 1  # for files, and to try again what failed
    heartbeat_seconds: float = 10
    token_refresh_percent: float = 80
    stop_grace_seconds: float = 10  # when the node stops; a deleted pod gets its own


class ProcessNode:
    """Runs the pods of the cluster at `kubeconfig`; its files are below `folder`, the pods' programs in `bin_dir`.

    `keys`: the folder of the cluster's own, with which it shows the API server the pods' logs.

    All its processes are children of the thread it runs in, and die with it.
    """

    def __init__(
        self,
        kubeconfig: Path,
        folder: Path,
        bin_dir: Path,
        name: str = "sandbox",
        *,
        keys: Path | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.name = name
        self.folder = folder.absolute()
        self._kubeconfig = kubeconfig
        self._bin_dir = bin_dir.absolute()
        self._keys = keys
        self._timing = timing or Timing()
        self._addresses = Addresses()
        self._workers: dict[str, tuple[PodWorker, asyncio.Task[None]]] = {}  # by uid
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_asked: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: Exception | None = None

    def start(self) -> None:
        """Returns once the Node is Ready."""
        self._ready.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._run_in_thread, name=f"process-node-{self.name}", daemon=True)
        self._thread.start()
        if not self._ready.wait(READY_WITHIN_SECONDS):
            self.stop()
            raise SandboxError(f"node {self.name} wasn't Ready within {READY_WITHIN_SECONDS:g} s")
        if self._failure is not None:
            self.stop()
            raise SandboxError(f"node {self.name} could not start: {self._failure}") from self._failure

    def stop(self) -> None:
        """Ends every pod's processes; their objects stay. Harmless if it doesn't run."""
        if self._loop is not None and self._stop_asked is not None:
            with suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._stop_asked.set)
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def run(self) -> None:
        """In the foreground, until SIGTERM or SIGINT."""
        asyncio.run(self._main(handle_signals=True))

    def _run_in_thread(self) -> None:
        try:
            asyncio.run(self._main(handle_signals=False))
        except Exception as error:
            self._failure = error
            log.exception("node %s ended", self.name)
        finally:
            self._ready.set()

    async def _main(self, *, handle_signals: bool) -> None:
        self._loop = asyncio.get_running_loop()
        stop_asked = self._stop_asked = asyncio.Event()
        if handle_signals:
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, stop_asked.set)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(self.folder), served_logs(self.folder / "pods", self._keys) as logs_port:
            async with Api(self._kubeconfig) as api:
                await self._serve(api, Registration(api, self.name, logs_port=logs_port), stop_asked)

    async def _serve(self, api: Api, registration: Registration, stop_asked: asyncio.Event) -> None:
        work = [asyncio.create_task(self._beat(registration)), asyncio.create_task(self._follow_pods(api, registration))]
        asked = asyncio.create_task(stop_asked.wait())
        try:
            done, _ = await asyncio.wait([*work, asked], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*work, asked):
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self._stop_workers()
            with suppress(ApiError, ApiAwayError, TimeoutError):
                async with asyncio.timeout(2):
                    await registration.leave()
        for task in done - {asked}:
            task.result()  # neither ends but by an error

    async def _beat(self, registration: Registration) -> None:
        while True:
            try:
                await registration.beat()
                self._ready.set()
                pause = self._timing.heartbeat_seconds
            except (ApiError, ApiAwayError) as error:
                log.warning("node %s: %s", self.name, error)
                pause = min(1.0, self._timing.heartbeat_seconds)
            await asyncio.sleep(pause)

    async def _follow_pods(self, api: Api, registration: Registration) -> None:
        tools = Tools(
            api=api,
            cache=ObjectCache(api, seconds=self._timing.poll_seconds),
            bin_dir=self._bin_dir,
            back_off=self._timing.back_off,
            poll_seconds=self._timing.poll_seconds,
            token_refresh_percent=self._timing.token_refresh_percent,
        )
        async for change in api.follow("/api/v1/pods"):
            if isinstance(change, Listed):
                self._forget_all_but({pod["metadata"]["uid"] for pod in change.items})
                for pod in change.items:
                    await self._see(pod, tools, registration)
            elif change.deleted:
                self._forget(change.item["metadata"]["uid"])
            else:
                await self._see(change.item, tools, registration)

    async def _see(self, pod: Json, tools: Tools, registration: Registration) -> None:
        if pod["spec"].get("nodeName") == self.name:
            self._serve_pod(pod, tools)
        elif wants_a_node(pod, registration.labels):
            try:
                await tools.api.post(f"{_path(pod)}/binding", binding(pod, self.name))
            except ApiAwayError as error:
                log.warning("pod %s isn't bound yet: %s", pod["metadata"]["name"], error)  # the next listing shows it again
            except ApiError as error:
                if error.status not in {404, 409}:  # deleted, or another node was faster
                    log.warning("pod %s can't be bound: %s", pod["metadata"]["name"], error)

    def _serve_pod(self, pod: Json, tools: Tools) -> None:
        metadata = pod["metadata"]
        known = self._workers.get(metadata["uid"])
        if known is not None:
            known[0].update(pod)
            return
        worker = PodWorker(
            pod,
            place=place_of(self.folder / "pods", namespace=metadata["namespace"], name=metadata["name"], uid=metadata["uid"]),
            address=self._addresses.take(metadata["uid"], (pod.get("status") or {}).get("podIP")),
            tools=tools,
        )
        task = asyncio.create_task(worker.run(), name=worker.name)
        task.add_done_callback(_report)
        self._workers[metadata["uid"]] = (worker, task)

    def _forget(self, uid: str) -> None:
        known = self._workers.pop(uid, None)
        if known is not None:
            known[0].gone()
            known[1].add_done_callback(lambda _: self._addresses.give_back(uid))

    def _forget_all_but(self, present: set[str]) -> None:
        for uid in set(self._workers) - present:
            self._forget(uid)

    async def _stop_workers(self) -> None:
        workers = list(self._workers.values())
        for _, task in workers:
            task.cancel()
        await asyncio.gather(*(task for _, task in workers), return_exceptions=True)
        await asyncio.gather(*(worker.stop(self._timing.stop_grace_seconds) for worker, _ in workers))
        self._workers.clear()


def wants_a_node(pod: Json, labels: dict[str, str]) -> bool:
    """A pod nobody has bound, for the usual scheduler, that our labels suit. We are the scheduler here."""
    spec = pod["spec"]
    return (
        not spec.get("nodeName")
        and "deletionTimestamp" not in pod["metadata"]
        and spec.get("schedulerName", DEFAULT_SCHEDULER) == DEFAULT_SCHEDULER
        and not spec.get("schedulingGates")
        and (spec.get("nodeSelector") or {}).items() <= labels.items()
    )


def binding(pod: Json, node: str) -> Json:
    metadata = pod["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": metadata["name"], "uid": metadata["uid"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


def _path(pod: Json) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("pod %s: its worker ended", task.get_name(), exc_info=task.exception())


def _alone(folder: Path) -> IO[str]:
    """Held while the node runs: two of them in one folder would start every pod twice."""
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise SandboxError(f"another process node runs in {folder}") from None
    return lock
