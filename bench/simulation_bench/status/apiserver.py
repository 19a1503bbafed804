"""The sandbox's API server, as its administrator: many Simulations made quickly, a watch, and how much has been written."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import yaml

API = "/apis/simulation-operator.dev/v1alpha1"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
AT_ONCE = 16
TIMEOUT_SECONDS = 60
PROMPT_SECONDS = 0.25
_VERB = r'(?=.*verb="(?:POST|PUT|PATCH|APPLY|DELETE)")'
_RESOURCE = r'(?=.*[{,]resource="(?:simulations|events|deployments)")'
_WRITE = re.compile(rf"^apiserver_request_total{_VERB}{_RESOURCE}(\{{.*\}}) (\S+)$")

Name = str
Spec = Mapping[str, Any]


class ApiServer:
    """One client for all threads; counts what the bench writes itself, to tell it from what the operator does."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._client = httpx.Client(
            base_url=cluster["server"],
            verify=ssl.create_default_context(cadata=authority),
            headers={"Authorization": f"Bearer {user['token']}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=AT_ONCE + 4),
        )
        self._lock = threading.Lock()
        self._own_writes = 0

    def close(self) -> None:
        self._client.close()

    # what the bench does

    def create_namespace(self, name: str) -> None:
        self._answer("POST", "/api/v1/namespaces", json={"metadata": {"name": name}})

    def create_simulations(self, namespace: str, wanted: Sequence[tuple[Name, Spec]]) -> Iterator[tuple[Name, UUID]]:
        """As they come to be."""

        def create(one: tuple[Name, Spec]) -> tuple[Name, UUID]:
            name, spec = one
            body = {"apiVersion": "simulation-operator.dev/v1alpha1", "kind": "Simulation", "metadata": {"name": name}, "spec": spec}
            made = self._written("POST", f"{API}/namespaces/{namespace}/simulations", json=body)
            return name, UUID(made["metadata"]["uid"])

        yield from _side_by_side(create, wanted)

    def write_statuses(self, namespace: str, statuses: Mapping[Name, Mapping[str, Any]]) -> None:
        """As the operator would have left them."""

        def write(name: Name) -> None:
            path = f"{API}/namespaces/{namespace}/simulations/{name}/status"
            self._written("PATCH", path, json={"status": statuses[name]}, headers=MERGE_PATCH)

        list(_side_by_side(write, statuses))

    def change(self, namespace: str, name: Name, spec: Spec) -> None:
        self._written("PATCH", f"{API}/namespaces/{namespace}/simulations/{name}", json={"spec": spec}, headers=MERGE_PATCH)

    def scale(self, path: str, replicas: int) -> None:
        self._written("PATCH", path, json={"spec": {"replicas": replicas}}, headers=MERGE_PATCH)

    # what it sees

    def get(self, path: str) -> Any:
        return self._answer("GET", path).json()

    def simulations(self, namespace: str) -> Any:
        return self.get(f"{API}/namespaces/{namespace}/simulations")

    def watch(self, namespace: str, since: str, stop: threading.Event) -> Iterator[Mapping[str, Any]]:
        """Events, until `stop`; it is looked at with each event and every second."""
        path = f"{API}/namespaces/{namespace}/simulations"
        version = since
        while not stop.is_set():
            query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "10", "allowWatchBookmarks": "true"}
            with self._client.stream("GET", path, params=query) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ConnectionError(f"the watch ended: {event['object']}")
                    version = event["object"]["metadata"]["resourceVersion"]
                    yield event
                    if stop.is_set():
                        return

    def writes_of_others(self) -> tuple[float, int] | None:
        """To Simulations, Events and Deployments' scales, since the server's start, without the bench's own; and when that was so.

        Nobody but the operator writes Simulations; a few Events are Kubernetes' own controllers'. None: the server took so long to begin
        its answer that nobody knows when it counted; a steady 46 a second looked like up to 57.
        """
        asked_s, own = time.monotonic(), self._own()
        total = 0.0
        with self._client.stream("GET", "/metrics", headers={"Accept-Encoding": "identity"}) as answer:
            prompt = time.monotonic() - asked_s < PROMPT_SECONDS
            own = (own + self._own()) // 2
            for line in answer.iter_lines():
                if (found := _WRITE.match(line)) and _counts(found[1]):
                    total += float(found[2])
        return (asked_s, int(total) - own) if prompt else None

    def _own(self) -> int:
        with self._lock:
            return self._own_writes

    def _written(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._answer(method, path, **arguments).json()
        with self._lock:
            self._own_writes += 1
        return answer

    def _answer(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        answer = self._client.request(method, path, **arguments)
        if answer.is_error:
            raise ConnectionError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer


def _counts(labels: str) -> bool:
    return 'resource="deployments"' not in labels or 'subresource="scale"' in labels


def _side_by_side(work: Callable[[Any], Any], what: Iterable[Any]) -> Iterator[Any]:
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bench") as pool:
        yield from pool.map(work, what)
