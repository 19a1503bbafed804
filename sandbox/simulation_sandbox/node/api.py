"""The few calls a node makes to the API server, as plain JSON: a node passes on fields that no generated model of today knows."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx
import kubernetes

from simulation_sandbox.errors import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]

CALL_SECONDS = 10.0
WATCH_SECONDS = 60  # then everything is listed again: a watch that stalls silently can't hide a change for longer
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.2, 3.0


class ApiError(SandboxError):
    """The API server answered, but not with what was asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ApiAwayError(SandboxError):
    """The API server can't be reached, or had to leave the question unanswered. Asking again later is right."""


@dataclass(frozen=True)
class Listed:
    """Everything there is, at one moment: what isn't in it is gone."""

    items: tuple[Json, ...]


@dataclass(frozen=True)
class Changed:
    """One object as it is now, or as it last was."""

    item: Json
    deleted: bool


class Api:
    """The server and the credentials of a kubeconfig. `transport` stands in for the network in tests."""

    def __init__(self, kubeconfig: Path, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        settings = kubernetes.client.Configuration()
        try:
            _load(kubeconfig, settings)
        except kubernetes.config.ConfigException as error:
            raise SandboxError(f"{kubeconfig} can't be used: {error}") from None
        self.server: str = settings.host
        authority = settings.ssl_ca_cert
        self.authority: bytes = b"" if authority is None else _read(authority)
        context = ssl.create_default_context(cafile=authority)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        token = settings.get_api_key_with_prefix("BearerToken", alias="authorization")
        self._http = httpx.AsyncClient(
            base_url=self.server,
            verify=context,
            headers={"Authorization": token} if token else {},
            timeout=CALL_SECONDS,
            transport=transport,
            trust_env=False,  # a proxy of the machine's has no business on loopback
            limits=httpx.Limits(max_connections=None, keepalive_expiry=5),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> Json | None:
        """None: there is no such object."""
        try:
            return await self._call("GET", path)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    async def post(self, path: str, body: Json) -> Json:
        return await self._call("POST", path, body)

    async def patch(self, path: str, body: Json) -> Json:
        """A merge patch: lists are replaced, null removes."""
        return await self._call("PATCH", path, body, "application/merge-patch+json")

    async def delete(self, path: str, options: Json) -> None:
        await self._call("DELETE", path, options)

    async def follow(self, path: str) -> AsyncIterator[Listed | Changed]:
        """What is there, then each change, for ever: restarts, timeouts and 410 Gone of the server only mean listing again."""
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                listed = await self._call("GET", path)
                pause = FIRST_RETRY_SECONDS
                yield Listed(tuple(listed.get("items") or ()))
                async for changed in self._watch(path, listed["metadata"]["resourceVersion"]):
                    yield changed
            except (ApiError, ApiAwayError):
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_RETRY_SECONDS)

    async def _watch(self, path: str, version: str) -> AsyncIterator[Changed]:
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        patience = httpx.Timeout(CALL_SECONDS, read=WATCH_SECONDS + CALL_SECONDS)
        try:
            async with self._http.stream("GET", path, params=query, timeout=patience) as response:
                if response.is_error:
                    await response.aread()
                    raise _refusal(response)
                async for line in response.aiter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ApiError(event["object"].get("code", 500), event["object"].get("message", "the watch ended"))
                    yield Changed(event["object"], deleted=event["type"] == "DELETED")
        except (httpx.TransportError, json.JSONDecodeError) as error:
            raise ApiAwayError(f"the watch of {path} broke: {error}") from None

    async def _call(self, method: str, path: str, body: Json | None = None, content_type: str = "application/json") -> Json:
        content = None if body is None else json.dumps(body)
        try:
            response = await self._http.request(method, path, content=content, headers={"Content-Type": content_type})
        except httpx.TransportError as error:
            raise ApiAwayError(f"the API server at {self.server} can't be reached: {error or type(error).__name__}") from None
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise ApiAwayError(f"the API server answered {response.status_code}")
        if response.is_error:
            raise _refusal(response)
        answer: Json = response.json()
        return answer


def _load(kubeconfig: Path, settings: Any) -> None:
    # the package's types stop short of this function
    kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _refusal(response: httpx.Response) -> ApiError:
    try:
        message = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        message = f"{response.request.method} {response.request.url.path}: {response.status_code}"
    return ApiError(response.status_code, message)
