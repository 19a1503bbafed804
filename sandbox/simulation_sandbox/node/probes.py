"""Probes: when to ask (pure), how to ask, and what the answers add up to (pure)."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from simulation_sandbox.node.errors import CannotStartError
from simulation_sandbox.node.process import Process

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json
    from simulation_sandbox.node.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A probe's numbers with the API's defaults."""

    initial_delay_seconds: int
    period_seconds: int
    timeout_seconds: int
    failure_threshold: int
    success_threshold: int

    @classmethod
    def of(cls, probe: Json) -> Pace:
        return cls(
            initial_delay_seconds=probe.get("initialDelaySeconds", 0),
            period_seconds=probe.get("periodSeconds", 10),
            timeout_seconds=probe.get("timeoutSeconds", 1),
            failure_threshold=probe.get("failureThreshold", 3),
            success_threshold=probe.get("successThreshold", 1),
        )


@dataclass(frozen=True)
class Answer:
    ok: bool
    message: str = ""


class Tally:
    """Says a verdict once enough answers in a row agree."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._last: bool | None = None
        self._in_a_row = 0

    def verdict(self, *, ok: bool) -> bool | None:
        """None: not enough answers of this kind yet."""
        self._in_a_row = self._in_a_row + 1 if ok == self._last else 1
        self._last = ok
        threshold = self._pace.success_threshold if ok else self._pace.failure_threshold
        return ok if self._in_a_row >= threshold else None


@dataclass(frozen=True, kw_only=True)
class Target:
    """The running container a probe is for."""

    container: Json
    address: str
    recipe: Recipe
    outputs: Path  # folder for what exec probes and hooks print


async def ask(probe: Json, target: Target) -> Answer:
    """Never raises: an answer that can't be had is a failure with a message."""
    seconds = Pace.of(probe).timeout_seconds
    try:
        async with asyncio.timeout(seconds):
            if "httpGet" in probe:
                return await _ask_http(probe["httpGet"], target)
            if "tcpSocket" in probe:
                return await _ask_tcp(probe["tcpSocket"], target)
            if "exec" in probe:
                return await _ask_command(probe["exec"], target)
    except TimeoutError:
        return Answer(False, f"no answer within {seconds} s")
    return Answer(False, "this kind of probe isn't supported by the process node")


async def _ask_http(action: Json, target: Target) -> Answer:
    """200 to 399 is a success; certificates aren't checked, as with the kubelet."""
    host = action.get("host") or target.address
    url = f"{action.get('scheme', 'HTTP').lower()}://{host}:{_port(action['port'], target.container)}/{action.get('path', '/').lstrip('/')}"
    headers = {header["name"]: header["value"] for header in action.get("httpHeaders") or ()}
    try:
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=60) as client:  # noqa: S501 - the kubelet doesn't either
            response = await client.get(url, headers={"User-Agent": "kube-probe/sandbox"} | headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Answer(False, f"{url}: {error or type(error).__name__}")
    return Answer(response.status_code < 400, f"{url}: HTTP {response.status_code}")


async def _ask_tcp(action: Json, target: Target) -> Answer:
    host, port = action.get("host") or target.address, _port(action["port"], target.container)
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        return Answer(False, f"{host}:{port}: {error.strerror}")
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return Answer(True)


async def _ask_command(action: Json, target: Target) -> Answer:
    recipe = target.recipe
    with tempfile.TemporaryDirectory(dir=target.outputs) as folder:
        output = Path(folder) / "output.log"
        try:
            process = Process.spawn(recipe.for_command(action["command"]), env=recipe.env, cwd=recipe.cwd, log=output)
        except (CannotStartError, OSError, ValueError) as error:
            return Answer(False, str(error))
        try:
            code = await process.wait()
        finally:
            process.kill()
        said = output.read_text(errors="replace").strip()[-200:]
    return Answer(code == 0, f"exit code {code} {said}".strip())


def _port(port: Any, container: Json) -> int:
    """A number, or the name of one of the container's ports."""
    named = {each["name"]: each["containerPort"] for each in container.get("ports") or () if "name" in each}
    return int(named.get(port, port)) if str(named.get(port, port)).isdigit() else 0
