from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from simulation_sandbox.errors import SandboxError
from simulation_sandbox.node.api import Api, ApiAwayError, ApiError, Changed, Listed

Json = dict[str, Any]


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    content = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


def pod(uid: str) -> Json:
    return {"metadata": {"uid": uid}}


class Server(httpx.AsyncBaseTransport):
    """Answers from a script, call by call: an exception is a broken connection, a list the events of a watch."""

    def __init__(self, *script: Exception | httpx.Response | list[Json]) -> None:
        self._script = list(script)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(200, content=_lines(answer)) if isinstance(answer, list) else answer


async def _lines(events: list[Json]) -> AsyncIterator[bytes]:
    for event in events:
        yield json.dumps(event).encode() + b"\n"


def listing(version: str, *uids: str) -> httpx.Response:
    return httpx.Response(200, json={"metadata": {"resourceVersion": version}, "items": [pod(uid) for uid in uids]})


async def first_changes(server: Server, kubeconfig: Path, count: int) -> list[Listed | Changed]:
    seen: list[Listed | Changed] = []
    async with Api(kubeconfig, transport=server) as api, aclosing(api.follow("/pods")) as changes:
        async for change in changes:
            seen.append(change)
            if len(seen) == count:
                break
    return seen


async def test_everything_is_listed_and_then_watched_from_there(kubeconfig: Path) -> None:
    server = Server(listing("7", "a"), [{"type": "ADDED", "object": pod("b")}, {"type": "DELETED", "object": pod("a")}])
    seen = await first_changes(server, kubeconfig, 3)
    assert seen == [Listed((pod("a"),)), Changed(pod("b"), deleted=False), Changed(pod("a"), deleted=True)]
    assert server.asked[1].url.params["resourceVersion"] == "7"
    assert server.asked[0].headers["Authorization"] == "Bearer t"


GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}


@pytest.mark.parametrize(
    "interruption",
    [
        pytest.param([GONE], id="410 Gone in the watch"),
        pytest.param(httpx.Response(410, json={"message": "too old resource version"}), id="410 Gone at once"),
        pytest.param([], id="the server ended the watch"),
        pytest.param(httpx.ReadTimeout("silence"), id="nothing came"),
        pytest.param(httpx.ConnectError("refused"), id="the server is away"),
        pytest.param(httpx.Response(503), id="the server isn't ready"),
    ],
)
async def test_whatever_interrupts_a_watch_everything_is_listed_again(kubeconfig: Path, interruption: Any) -> None:
    server = Server(listing("7", "a"), interruption, listing("9", "b"))
    assert await first_changes(server, kubeconfig, 2) == [Listed((pod("a"),)), Listed((pod("b"),))]


async def test_a_refusal_carries_the_servers_words(kubeconfig: Path) -> None:
    async with Api(kubeconfig, transport=Server(httpx.Response(403, json={"message": "not you"}))) as api:
        with pytest.raises(ApiError, match="not you"):
            await api.get("/pods/one")


async def test_what_the_server_could_not_answer_counts_as_away(kubeconfig: Path) -> None:
    async with Api(kubeconfig, transport=Server(httpx.Response(429), httpx.Response(404))) as api:
        with pytest.raises(ApiAwayError):
            await api.get("/pods/one")
        assert await api.get("/pods/one") is None


def test_a_kubeconfig_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="missing can't be used"):
        Api(tmp_path / "missing")
