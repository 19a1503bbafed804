"""Progress as it happens: a bar with the line `kubectl get simulations` prints; where there is no terminal, a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn
from rich.text import Text

from simulation_sandbox.demo.kubectl import Kubectl
from simulation_sandbox.errors import SandboxError

EVERY_SECONDS = 0.5
PLAIN_EVERY_SECONDS = 5.0
ENDED = frozenset({"Completed", "Failed", "Cancelled"})


def follow(
    kubectl: Kubectl, name: str, *, within_seconds: float, console: Console, at_each_look: Callable[[Mapping[str, Any]], None]
) -> Mapping[str, Any]:
    """The Simulation once it has ended. SandboxError at the deadline, with the status message of then."""
    bar = Progress(SpinnerColumn(), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
    task = bar.add_task(name, total=None)
    plain = _PlainLines(console)
    deadline = time.monotonic() + within_seconds
    with Live(console=console, refresh_per_second=8, transient=False) as screen:
        while True:
            simulation = kubectl.get("simulation", name)
            at_each_look(simulation)
            status = simulation.get("status", {})
            table = kubectl("get", "simulations", name).rstrip()
            bar.update(task, total=simulation["spec"]["totalRecords"], completed=status.get("recordsProcessed", 0))
            if console.is_terminal:
                screen.update(Group(bar, Text(table)))
            else:
                plain.say(table)
            if status.get("phase") in ENDED:
                plain.say(table, now=True)
                return simulation
            if time.monotonic() > deadline:
                raise SandboxError(f"{name} has not ended within {within_seconds:g} s: {status.get('message', 'it has no status')}")
            time.sleep(EVERY_SECONDS)


class _PlainLines:
    """For logs: the table every few seconds, and when asked."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said_at = float("-inf")

    def say(self, table: str, *, now: bool = False) -> None:
        if not self._console.is_terminal and (now or time.monotonic() - self._said_at >= PLAIN_EVERY_SECONDS):
            self._said_at = time.monotonic()
            self._console.print(Text(table.splitlines()[-1]), soft_wrap=True)
