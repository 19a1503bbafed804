"""Looking again and again, until what is waited for has come. An API server that restarts meanwhile is waited for as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from simulation_cli.cluster import Cluster, simulations
from simulation_cli.exits import NoSuchSimulationError, TimedOutError, UnreachableError
from simulation_cli.goals import Goal, Outlook
from simulation_cli.resource import ClusterSimulation

T = TypeVar("T")

EVERY_SECONDS = 1.0
FEW = 10  # Simulations that are read one by one; more are listed
OUTAGE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Awaited:
    simulation: ClusterSimulation  # as last seen
    goal: Goal


@dataclass(frozen=True, kw_only=True)
class Came:
    """What became of one that was waited for."""

    simulation: ClusterSimulation
    goal: Goal
    outlook: Outlook
    gone: bool = False  # it was deleted meanwhile

    @property
    def sentence(self) -> str:
        if self.gone:
            return f"{self.simulation.name} was deleted"
        is_so = f"is {self.goal.name}" if self.outlook is Outlook.REACHED else f"is {self.simulation.phase}, not {self.goal.name}"
        return f"{self.simulation.name} {is_so}: {self.goal.said(self.simulation)}"


def wait(cluster: Cluster, asked: Sequence[Awaited], *, timeout_seconds: float | None) -> Iterator[Came]:
    """Each once it has come, in that order. Raises TimedOutError for what is left at the end."""
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    left = {each.simulation.uid: each for each in asked}
    look: Callable[[], dict[UUID, ClusterSimulation]] = patient(lambda: _look(cluster, list(left.values())))
    while left:
        seen = look()
        for uid, each in list(left.items()):
            came = _came(each, seen.get(uid))
            if came is not None:
                del left[uid]
                yield came
            elif uid in seen:
                left[uid] = Awaited(simulation=seen[uid], goal=each.goal)
        if left:
            _pause(deadline, left)


def patient(ask: Callable[[], T]) -> Callable[[], T]:
    """`ask`, but an API server that went away after it had answered gets a minute to come back."""
    answered_at: float | None = None

    def asked() -> T:
        nonlocal answered_at
        while True:
            try:
                answer = ask()
            except UnreachableError:
                if answered_at is None or time.monotonic() - answered_at > OUTAGE_SECONDS:
                    raise
                time.sleep(EVERY_SECONDS)
            else:
                answered_at = time.monotonic()
                return answer

    return asked


def _came(each: Awaited, now: ClusterSimulation | None) -> Came | None:
    if now is None:
        return Came(simulation=each.simulation, goal=each.goal, outlook=each.goal.gone, gone=True)
    outlook = each.goal.outlook(now)
    return None if outlook is Outlook.OPEN else Came(simulation=now, goal=each.goal, outlook=outlook)


def _look(cluster: Cluster, left: Sequence[Awaited]) -> dict[UUID, ClusterSimulation]:
    """By uid: one that was created again under the same name is another."""
    if len(left) > FEW:
        return {each.uid: each for each in simulations.find(cluster)}
    return {found.uid: found for each in left if (found := _read(cluster, each.simulation.name)) is not None}


def _read(cluster: Cluster, name: str) -> ClusterSimulation | None:
    try:
        return simulations.get(cluster, name)
    except NoSuchSimulationError:
        return None


def _pause(deadline: float | None, left: dict[UUID, Awaited]) -> None:
    remaining = EVERY_SECONDS if deadline is None else deadline - time.monotonic()
    if remaining <= 0:
        raise TimedOutError(_still_open(list(left.values())))
    time.sleep(min(EVERY_SECONDS, remaining))


def _still_open(left: Sequence[Awaited]) -> str:
    first = left[0]
    others = f" (and {len(left) - 1} others)" if len(left) > 1 else ""
    phase = first.simulation.phase or "new"
    return f"{first.simulation.name}{others} is not {first.goal.name} yet: {phase}, {first.simulation.message}"
