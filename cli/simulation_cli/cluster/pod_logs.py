"""Log lines of the installation's pods, through the API server: all there are, or as they come."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import kubernetes
import urllib3

from simulation_cli.cluster import installation
from simulation_cli.cluster.connection import TIMEOUT_SECONDS, Cluster, Right
from simulation_cli.cluster.installation import Pod
from simulation_cli.exits import UnreachableError

LOOK_FOR_PODS_EVERY_SECONDS = 5.0
# An idle worker may say nothing for hours; a dead connection is noticed by the node's end of it.
QUIET_SECONDS = 86_400.0


@dataclass(frozen=True)
class Extent:
    """How far back; None: as far as there is."""

    since_seconds: int | None = None
    tail: int | None = None  # lines of each pod


@dataclass(frozen=True)
class Line:
    pod: Pod
    text: str
    is_said: bool = True  # False: why there is nothing to read of this pod


def read(cluster: Cluster, pod: Pod, extent: Extent) -> list[Line]:
    """What only this pod lacks (it hasn't started, or is gone) is said in its place. Raises ForbiddenError."""
    try:
        with _asked(cluster, pod):
            answer = _open(cluster, pod, extent, follow=False)
            return [Line(pod, text) for text in answer.data.decode(errors="replace").splitlines()]
    except UnreachableError as error:
        return [_silent(pod, error)]


def follow(cluster: Cluster, namespace: str | None, component: str | None, extent: Extent) -> Iterator[Line]:
    """As they come, also of pods that start later. Ends only with the caller. Raises what a look at the pods raises."""
    lines: queue.Queue[Line | Exception] = queue.Queue()
    known: set[Pod] = set()
    next_look = 0.0
    while True:
        if time.monotonic() >= next_look:
            for pod in installation.pods(cluster, namespace, component):
                key = Pod(pod.namespace, pod.name, pod.component, ready=True)
                if key not in known:
                    known.add(key)
                    threading.Thread(target=_pour, args=(cluster, pod, extent, lines), daemon=True).start()
            next_look = time.monotonic() + LOOK_FOR_PODS_EVERY_SECONDS
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            continue
        if isinstance(line, Exception):
            raise line
        yield line


def _pour(cluster: Cluster, pod: Pod, extent: Extent, lines: queue.Queue[Line | Exception]) -> None:
    """Until the pod ends."""
    try:
        with _asked(cluster, pod):
            answer = _open(cluster, pod, extent, follow=True)
            for text in _lines(answer):
                lines.put(Line(pod, text))
    except UnreachableError as error:
        lines.put(_silent(pod, error))
    except Exception as error:  # noqa: BLE001 - raised where the lines are read: a thread that dies silently would leave it waiting
        lines.put(error)


def _silent(pod: Pod, error: UnreachableError) -> Line:
    return Line(pod, str(error), is_said=False)


def _lines(answer: Any) -> Iterator[str]:
    rest = b""
    try:
        for chunk in answer.stream(amt=None):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
    except urllib3.exceptions.ProtocolError:  # the pod ended in mid-line
        pass
    if rest:
        yield rest.decode(errors="replace")


def _open(cluster: Cluster, pod: Pod, extent: Extent, *, follow: bool) -> Any:
    options: dict[str, Any] = {"container": pod.component, "follow": follow, "_preload_content": False}
    if extent.since_seconds is not None:
        options["since_seconds"] = extent.since_seconds
    if extent.tail is not None:
        options["tail_lines"] = extent.tail
    timeout = (TIMEOUT_SECONDS, QUIET_SECONDS if follow else TIMEOUT_SECONDS)
    return kubernetes.client.CoreV1Api(cluster.client).read_namespaced_pod_log(pod.name, pod.namespace, _request_timeout=timeout, **options)


def _asked(cluster: Cluster, pod: Pod) -> Any:
    return cluster.asked(f"the log of pod {pod}", Right("get", f"pods/log in namespace {pod.namespace}"))
