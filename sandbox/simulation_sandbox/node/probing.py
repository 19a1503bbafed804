"""Asks a running container's probes for as long as it runs, in the kubelet's order: startup first, then readiness and liveness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation_sandbox.node.probes import Answer, Pace, Tally, ask

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json
    from simulation_sandbox.node.probes import Target


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """Who hears the verdicts."""

    started: Callable[[], None]
    ready: Callable[[bool], None]
    unhealthy: Callable[[str, Json], None]  # why, and the probe that says so


async def run_probes(target: Target, heard: Listeners) -> None:
    """Ends by itself only when the container is found unhealthy, or has nothing more to ask."""
    spec = target.container
    if (startup := spec.get("startupProbe")) and not await _starts(startup, target, heard):
        return
    heard.started()
    async with asyncio.TaskGroup() as both:
        if readiness := spec.get("readinessProbe"):
            both.create_task(_follow_readiness(readiness, target, heard))
        else:
            heard.ready(True)
        if liveness := spec.get("livenessProbe"):
            both.create_task(_watch_liveness(liveness, target, heard))


async def _starts(probe: Json, target: Target, heard: Listeners) -> bool:
    """Asks until there is a verdict."""
    tally = Tally(Pace.of(probe))
    async for answer in _answers(probe, target):
        verdict = tally.verdict(ok=answer.ok)
        if verdict is False:
            heard.unhealthy(f"startup probe failed: {answer.message}", probe)
        if verdict is not None:
            return verdict
    raise AssertionError("answers never end")


async def _watch_liveness(probe: Json, target: Target, heard: Listeners) -> None:
    tally = Tally(Pace.of(probe))
    async for answer in _answers(probe, target):
        if tally.verdict(ok=answer.ok) is False:
            heard.unhealthy(f"liveness probe failed: {answer.message}", probe)
            return


async def _follow_readiness(probe: Json, target: Target, heard: Listeners) -> None:
    tally = Tally(Pace.of(probe))
    async for answer in _answers(probe, target):
        verdict = tally.verdict(ok=answer.ok)
        if verdict is not None:
            heard.ready(verdict)


async def _answers(probe: Json, target: Target) -> AsyncIterator[Answer]:
    pace = Pace.of(probe)
    await asyncio.sleep(pace.initial_delay_seconds)
    while True:
        yield await ask(probe, target)
        await asyncio.sleep(pace.period_seconds)
