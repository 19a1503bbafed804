"""Follows one Simulation to its end: live on a terminal, and elsewhere a line whenever something has changed."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import typer
from rich.console import Console
from rich.live import Live

from simulation_cli import summary
from simulation_cli.cluster import Cluster, installation, simulations
from simulation_cli.exits import CommandError, NoSuchSimulationError
from simulation_cli.resource import ClusterSimulation
from simulation_cli.screen import Moment, Rate
from simulation_cli.summary import NOTHING
from simulation_cli.waiting import EVERY_SECONDS, patient
from simulation_core.clock import now_ms

RATE_SECONDS, SHORTEST_RATE_SECONDS = 60.0, 5.0
WORKERS_EVERY_SECONDS = 5.0
PLAIN_EVERY_SECONDS = 5.0

Monotonic = Callable[[], float]


@dataclass
class Pace:
    """Records of the last minute, from the counts as they were seen."""

    clock: Monotonic = time.monotonic
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def seen(self, processed: int) -> Rate | None:
        """None: too early to say."""
        now = self.clock()
        self._seen.append((now, processed))
        while now - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()
        began, before = self._seen[0]
        return Rate(processed - before, round(now - began) * 1000) if now - began >= SHORTEST_RATE_SECONDS else None


@dataclass
class WorkersSeen:
    """Looked at now and then; without the right to, that is said instead, and not tried again."""

    cluster: Cluster
    namespace: str | None  # of the operator
    _words: str = NOTHING
    _next: float = 0.0

    @property
    def words(self) -> str:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + WORKERS_EVERY_SECONDS
            try:
                found = installation.workers(self.cluster, self.namespace)
                self._words = NOTHING if found is None else f"{found.ready} of {found.wanted} ready"
            except CommandError as error:
                self._words, self._next = str(error), float("inf")
        return self._words


def moments(cluster: Cluster, name: str, *, operator_namespace: str | None) -> Iterator[Moment]:
    """One a second until the Simulation has ended; of one that is being deleted, until it is gone.

    Raises NoSuchSimulationError also when it goes meanwhile and that was not to be expected from the first.
    """
    pace, workers = Pace(), WorkersSeen(cluster, operator_namespace)
    look = patient(lambda: simulations.get(cluster, name))
    first: ClusterSimulation | None = None
    while True:
        try:
            simulation = look()
        except NoSuchSimulationError:
            if first is not None and first.deleting:
                return
            raise
        first = first or simulation
        if simulation.uid != first.uid:
            if first.deleting:
                return
            raise NoSuchSimulationError(f"Simulation {simulation} was deleted and created again: watch it anew")
        yield Moment(simulation=simulation, now_ms=now_ms(), rate=pace.seen(simulation.count("recordsProcessed")), workers=workers.words)
        if simulation.ended and not simulation.deleting:
            return
        time.sleep(EVERY_SECONDS)


def live(seen: Iterator[Moment], console: Console) -> ClusterSimulation:
    """The last screen stays."""
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as screen:
        for moment in seen:
            screen.update(moment.as_rich(columns=console.width), refresh=True)
    return moment.simulation


def lines(seen: Iterator[Moment], shown: Callable[[Moment], str]) -> ClusterSimulation:
    """A line whenever a person would see a difference, at most every five seconds; the first, the last and each phase at once."""
    before: tuple[Any, ...] | None = None
    said_at = float("-inf")
    for moment in seen:
        simulation = moment.simulation
        now = (summary.phase(simulation), simulation.message, simulation.status.get("progress"), simulation.count("recordsFailed"))
        changed = now != before and time.monotonic() - said_at >= PLAIN_EVERY_SECONDS
        if changed or before is None or now[0] != before[0] or (simulation.ended and not simulation.deleting):
            typer.echo(shown(moment))
            before, said_at = now, time.monotonic()
    return moment.simulation


def json_line(moment: Moment) -> str:
    return json.dumps(moment.as_json(), ensure_ascii=False)
