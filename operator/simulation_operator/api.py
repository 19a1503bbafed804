"""Every question to and every write on the API server. All writes go through one limiter; errors are translated once, here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import aiohttp
from kubernetes.aio import client

from simulation_core.errors import SimulationError
from simulation_operator.limiter import Limiter
from simulation_operator.metrics import Metrics
from simulation_operator.resource import GROUP, PLURAL, VERSION, Key, Seen, Simulation

T = TypeVar("T")

MERGE_PATCH = "application/merge-patch+json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PAGE = 500
TIMEOUT_SECONDS = 30.0


class ApiError(SimulationError):
    """The API server refused a request: the message says which and why."""


class ApiUnavailableError(ApiError):
    """The API server can't be reached or asks to come back later. Waiting and trying again is right."""


class ForbiddenError(ApiError):
    """Our rights don't cover it, or the API server has just started and doesn't know them yet."""


class NotFoundError(ApiError):
    """There is no such object, or its kind isn't served."""


class ConflictError(ApiError):
    """The object exists already, or is another one than was meant (its uid differs)."""


@dataclass(frozen=True)
class Page:
    """Of a list: what is there, and which page it is."""

    seen: Sequence[Seen]
    token: str | None  # None: the first
    as_of: int  # the version of the whole list: what was written later isn't in it
    whole: Sequence[Simulation] | None = None  # None: it is a list of metadata alone


class Api:
    """The few calls the operator makes."""

    def __init__(self, connection: client.ApiClient, limiter: Limiter, metrics: Metrics) -> None:
        self._custom = client.CustomObjectsApi(connection)
        self._core: Any = client.CoreV1Api(connection)  # takes an Event as a mapping too, but isn't typed so
        self._apps = client.AppsV1Api(connection)
        self._limiter = limiter
        self._metrics = metrics

    # questions

    async def list_whole(self, scope: str | None) -> AsyncIterator[Page]:
        """A complete list of one namespace, or of all (None), page by page: ten thousand at once would be a hundred megabytes.

        An error on any page is an error of the whole.
        """
        async for token, answer in self._pages(scope):
            simulations = _simulations(answer)
            yield Page(simulations, token, _version(answer), simulations)

    async def list_seen(self, scope: str | None) -> AsyncIterator[Page]:
        """As list_whole, but without spec and status: a tenth of the work, for both sides."""
        async for token, answer in self._pages(scope, _headers={"Accept": METADATA_LIST}):
            items = answer["items"] or ()  # null where there are none
            yield Page([Seen.from_metadata(item["metadata"]) for item in items], token, _version(answer))

    async def whole(self, scope: str | None, page: Page) -> Sequence[Simulation]:
        """All of what that page lists, as it was when its list was begun; of the first page of metadata alone, as it is now."""
        return _simulations(await self._list(scope, limit=PAGE, _continue=page.token)) if page.whole is None else page.whole

    async def _pages(self, scope: str | None, **how: Any) -> AsyncIterator[tuple[str | None, dict[str, Any]]]:
        token: str | None = None
        while True:
            answer = await self._list(scope, limit=PAGE, _continue=token, **how)
            yield token, answer
            token = answer["metadata"].get("continue")
            if not token:
                return

    async def find(self, key: Key) -> Simulation | None:
        """As it is now, by a complete list of what has its name. None: it is gone, or another one has the name."""
        named = _simulations(await self._list(key.namespace, field_selector=f"metadata.name={key.name}"))
        return next((each for each in named if each.key.uid == key.uid), None)

    async def is_served(self, scope: str | None) -> bool:
        """Whether the API server knows the kind Simulation."""
        try:
            await self._list(scope, limit=1)
        except NotFoundError:
            return False
        return True

    async def replicas(self, namespace: str, deployment: str) -> int:
        scale = await _translated(
            self._apps.read_namespaced_deployment_scale(deployment, namespace, _request_timeout=TIMEOUT_SECONDS), "reading the scale"
        )
        return int((scale.spec and scale.spec.replicas) or 0)

    async def _list(self, scope: str | None, **selection: Any) -> dict[str, Any]:
        arguments = {name: value for name, value in selection.items() if value is not None}
        if scope is None:
            question = self._custom.list_cluster_custom_object(GROUP, VERSION, PLURAL, _request_timeout=TIMEOUT_SECONDS, **arguments)
        else:
            question = self._custom.list_namespaced_custom_object(
                GROUP, VERSION, scope, PLURAL, _request_timeout=TIMEOUT_SECONDS, **arguments
            )
        return cast(dict[str, Any], await _translated(question, f"listing {PLURAL}.{GROUP}"))

    # writes

    async def patch_status(self, key: Key, status: Mapping[str, Any], *, version: int) -> int:
        """Merges `status` (None removes a field; lists are replaced); the object's version with it.

        Refused with ConflictError if `version` isn't the object's any more, or it is another one of the same name: of a uid a status that
        is written takes no notice. The API server does no more than it must: it doesn't look for unknown fields, which nobody would be
        told of, and answers with the metadata.
        """
        body = {"metadata": {"resourceVersion": str(version)}, "status": dict(status)}
        async with self._turn("status"):
            written = await _translated(
                self._custom.patch_namespaced_custom_object_status(
                    GROUP, VERSION, key.namespace, PLURAL, key.name, body, field_validation="Ignore", _content_type=MERGE_PATCH,
                    _headers={"Accept": METADATA}, _request_timeout=TIMEOUT_SECONDS,
                ),
                f"writing the status of {key}",
            )  # fmt: skip
        return Seen.from_metadata(cast(dict[str, Any], written)["metadata"]).version

    async def set_finalizer(self, key: Key, finalizer: str, *, present: bool) -> Simulation | None:
        """The object as it is then; None: it is gone. Others' finalizers stay. Refused with ConflictError if it changed meanwhile."""
        found = await self.find(key)
        if found is None or (finalizer in found.finalizers) is present:
            return found
        wanted = [*found.finalizers, finalizer] if present else [each for each in found.finalizers if each != finalizer]
        body = {"metadata": {"uid": str(key.uid), "resourceVersion": str(found.version), "finalizers": wanted or None}}
        async with self._turn("finalizer"):
            written = await _translated(
                self._custom.patch_namespaced_custom_object(
                    GROUP, VERSION, key.namespace, PLURAL, key.name, body, _content_type=MERGE_PATCH, _request_timeout=TIMEOUT_SECONDS
                ),
                f"{'setting' if present else 'removing'} the finalizer of {key}",
            )
        return Simulation.from_body(cast(dict[str, Any], written))

    async def delete(self, key: Key) -> None:
        """What is gone, or another one by now, is left alone."""
        options = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=str(key.uid)))
        async with self._turn("delete"):
            with suppress(NotFoundError, ConflictError):
                await _translated(
                    self._custom.delete_namespaced_custom_object(
                        GROUP, VERSION, key.namespace, PLURAL, key.name, body=options, _request_timeout=TIMEOUT_SECONDS
                    ),
                    f"deleting {key}",
                )

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        async with self._turn("event", patient=True):
            await _translated(
                self._core.create_namespaced_event(namespace, dict(event), _request_timeout=TIMEOUT_SECONDS), "writing an Event"
            )

    async def patch_event(self, namespace: str, name: str, changes: Mapping[str, Any]) -> None:
        async with self._turn("event", patient=True):
            await _translated(
                self._core.patch_namespaced_event(
                    name, namespace, dict(changes), _content_type=MERGE_PATCH, _request_timeout=TIMEOUT_SECONDS
                ),
                "counting up an Event",
            )

    async def scale(self, namespace: str, deployment: str, replicas: int) -> None:
        async with self._turn("scale"):
            await _translated(
                self._apps.patch_namespaced_deployment_scale(
                    deployment, namespace, {"spec": {"replicas": replicas}}, _content_type=MERGE_PATCH, _request_timeout=TIMEOUT_SECONDS
                ),
                f"scaling {deployment}",
            )

    @asynccontextmanager
    async def _turn(self, kind: str, *, patient: bool = False) -> AsyncIterator[None]:
        self._metrics.limiter_wait.observe(await self._limiter.take(patient=patient))
        try:
            yield
        except ApiError as error:
            self._metrics.writes.labels(kind, type(error).__name__).inc()
            raise
        self._metrics.writes.labels(kind, "ok").inc()


def _version(answer: Mapping[str, Any]) -> int:
    """Of a list."""
    return int(answer["metadata"]["resourceVersion"])


def _simulations(answer: Mapping[str, Any]) -> list[Simulation]:
    return [Simulation.from_body(body) for body in answer["items"]]


async def _translated(call: Awaitable[T], doing: str) -> T:
    try:
        return await call
    except client.ApiException as error:
        raise _named(error, doing) from None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise ApiUnavailableError(f"{doing}: the API server can't be reached: {error or type(error).__name__}") from None


def _named(error: client.ApiException, doing: str) -> ApiError:
    message = f"{doing}: {error.status} {_server_says(error)}"
    match error.status:
        case 403:
            return ForbiddenError(message)
        case 404:
            return NotFoundError(message)
        case 409:
            return ConflictError(message)
        case 401 | 408 | 410 | 429:  # a token that is being renewed; a list whose pages expired
            return ApiUnavailableError(message)
        case int(status) if status >= 500:
            return ApiUnavailableError(message)
    return ApiError(message)


def _server_says(error: client.ApiException) -> str:
    try:
        return str(json.loads(error.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)
