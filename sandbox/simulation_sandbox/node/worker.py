"""One pod's life: look at what is wanted and what is, do the next thing, write the status, wait for something to change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from simulation_sandbox.node.api import Api, ApiAwayError, ApiError
from simulation_sandbox.node.containers import Container, Surroundings
from simulation_sandbox.node.errors import CannotStartError, NotConfiguredError
from simulation_sandbox.node.history import History
from simulation_sandbox.node.mounts import CREDENTIALS, root_of
from simulation_sandbox.node.objects import ObjectCache, references
from simulation_sandbox.node.place import Place
from simulation_sandbox.node.pod import BackOff, Phase, Policy, View, Waiting, may_run
from simulation_sandbox.node.projection import project
from simulation_sandbox.node.recipe import World, recipe
from simulation_sandbox.node.status import HOST_ADDRESS, Seen, pod_status
from simulation_sandbox.node.tokens import Tokens, write_pod_kubeconfig
from simulation_sandbox.node.volumes import Sources, files, is_projection, token_wishes

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json

LOG_ANNOTATION = "sandbox.simulation-operator.dev/log"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the node gives each of its workers."""

    api: Api
    cache: ObjectCache
    bin_dir: Path
    back_off: BackOff
    poll_seconds: float
    token_refresh_percent: float


class PodWorker:
    """Runs until its pod is gone from the API, or the node stops."""

    def __init__(self, pod: Json, *, place: Place, address: str, tools: Tools) -> None:
        self.name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        self._pod = pod
        self._place = place
        self._address = address
        self._tools = tools
        self._wake = asyncio.Event()
        self._gone = False
        self._removed = False  # we have deleted the object; finalizers of others may keep it for a while
        self._written: Json = pod.get("status") or {}
        self._tokens = Tokens(tools.api, pod, refresh_percent=tools.token_refresh_percent)
        place.make()
        self._inits = [self._container(spec, init=True) for spec in pod["spec"].get("initContainers") or ()]
        self._mains = [self._container(spec, init=False) for spec in pod["spec"]["containers"]]

    def update(self, pod: Json) -> None:
        self._pod = pod
        self._wake.set()

    def gone(self) -> None:
        """The object isn't there any more, be it by our own doing or by force: nothing of it may go on."""
        self._gone = True
        for container in self._containers:
            container.kill()
        self._wake.set()

    async def run(self) -> None:
        """Each step looks at everything anew, so that a lost wake-up or a failed call costs one poll, nothing else."""
        while not self._gone:
            self._wake.clear()
            try:
                await self._step()
            except (ApiError, ApiAwayError, OSError) as error:
                log.warning("pod %s: %s", self.name, error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._tools.poll_seconds):  # wait_for of Python 3.11 can lose a cancellation
                    await self._wake.wait()
        await self.stop(0)
        self._place.clear()

    async def stop(self, grace_seconds: float) -> None:
        """Ends the processes and says nothing about it to the API."""
        self._gone = True
        await asyncio.gather(*(container.stop(min(grace_seconds, self._grace_seconds)) for container in self._containers))
        await asyncio.gather(*(container.close() for container in self._containers))

    async def _step(self) -> None:
        if self._removed:
            return
        if "deletionTimestamp" in self._pod["metadata"]:
            await self._end()
        elif not self._over:
            await self._point_at_logs()
            await self._provide_and_start()
            await self._write_status(self._views(self._inits), self._views(self._mains))

    async def _provide_and_start(self) -> None:
        """A pod whose volumes can't be had waits as a whole; a container whose env can't be had waits alone."""
        try:
            world = await self._provide()
        except NotConfiguredError as error:
            for container in self._containers:
                container.problem = Waiting(reason="CreateContainerConfigError", message=str(error))
            return
        due = may_run(self._views(self._inits), self._views(self._mains))
        for container in self._containers:
            if container.name in due and container.startable:
                self._start(container, world)

    def _start(self, container: Container, world: World) -> None:
        try:
            container.begin(recipe(container.spec, world))
        except NotConfiguredError as error:
            container.problem = Waiting(reason="CreateContainerConfigError", message=str(error))
        except CannotStartError as error:
            container.fail_to_begin(error)

    async def _provide(self) -> World:
        """Brings the pod's files up to date and gathers what its containers are made from."""
        spec, namespace = self._pod["spec"], self._pod["metadata"]["namespace"]
        status = {**(self._pod.get("status") or {}), "podIP": self._address, "podIPs": [{"ip": self._address}], "hostIP": HOST_ADDRESS}
        pod = {**self._pod, "status": status}
        objects = await self._tools.cache.objects(namespace, references(spec))
        tokens = await self._tokens.get(token_wishes(spec))
        sources = Sources(pod=pod, objects=objects, tokens=tokens)
        for volume in spec.get("volumes") or ():
            root = root_of(volume, self._place)
            if is_projection(volume):
                project(root, files(volume, sources))
            elif "emptyDir" in volume:
                root.mkdir(exist_ok=True)
        self._write_kubeconfig(spec, namespace)
        return World(pod=pod, objects=objects, place=self._place, bin_dir=self._tools.bin_dir)

    def _write_kubeconfig(self, spec: Json, namespace: str) -> None:
        """From the volume that admission adds to each pod that wants credentials."""
        for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
            for mount in container.get("volumeMounts") or ():
                token_file = self._place.volumes / mount["name"] / "token"
                if mount["mountPath"] == CREDENTIALS and token_file.exists():
                    write_pod_kubeconfig(self._place.kubeconfig, self._tools.api, namespace=namespace, token_file=token_file)
                    return

    async def _end(self) -> None:
        """Stops the containers within the pod's grace period, says how they ended, and lets the object go."""
        grace = self._pod["metadata"].get("deletionGracePeriodSeconds", self._grace_seconds)
        await asyncio.gather(*(container.stop(grace) for container in self._containers))
        uid = self._pod["metadata"]["uid"]
        try:
            if not self._over:
                await self._write_status(self._views(self._inits), self._final_views())
            await self._tools.api.delete(self._path, {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})
        except ApiError as error:
            if error.status not in {404, 409}:
                raise
        self._removed = True

    def _final_views(self) -> list[View]:
        """Whatever the restart policy, an end is for good now."""
        return [
            View(name=view.name, image=view.image, restart_count=view.restart_count, state=container.end or view.state)
            for container, view in zip(self._mains, self._views(self._mains), strict=True)
        ]

    async def _write_status(self, inits: list[View], mains: list[View]) -> None:
        seen = Seen(pod=self._pod, earlier=self._written, inits=inits, mains=mains, address=self._address, now=datetime.now(UTC))
        status = pod_status(seen)
        if status == self._written:
            return
        try:
            await self._patch(f"{self._path}/status", {"status": status})
        except ApiError as error:
            if error.status not in {404, 409}:  # gone, or another pod of that name: the watch will tell
                raise
        self._written = status

    async def _point_at_logs(self) -> None:
        annotations = self._pod["metadata"].get("annotations") or {}
        if annotations.get(LOG_ANNOTATION) != str(self._place.logs):
            await self._patch(self._path, {"metadata": {"annotations": {LOG_ANNOTATION: str(self._place.logs)}}})

    async def _patch(self, path: str, change: Json) -> None:
        """The uid makes the server refuse if it is another pod of the same name by now."""
        metadata = {**change.get("metadata", {}), "uid": self._pod["metadata"]["uid"]}
        await self._tools.api.patch(path, {**change, "metadata": metadata})

    @property
    def _over(self) -> bool:
        """It has said how it ended, perhaps to an earlier node."""
        return Phase(self._written.get("phase", Phase.PENDING)).final

    @property
    def _path(self) -> str:
        metadata = self._pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"

    @property
    def _grace_seconds(self) -> float:
        seconds: float = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        return seconds

    @property
    def _containers(self) -> list[Container]:
        return [*self._inits, *self._mains]

    def _views(self, containers: Iterable[Container]) -> list[View]:
        return [container.view for container in containers]

    def _container(self, spec: Json, *, init: bool) -> Container:
        policy = Policy(self._pod["spec"].get("restartPolicy", Policy.ALWAYS))
        earlier = self._written.get("initContainerStatuses" if init else "containerStatuses") or ()
        history = History.adopt(
            next((status for status in earlier if status["name"] == spec["name"]), None),
            policy=policy.of_init_containers if init else policy,
            back_off=self._tools.back_off,
        )
        around = Surroundings(place=self._place, address=self._address, grace_seconds=self._grace_seconds, changed=self._wake.set)
        return Container(spec, history, around)
