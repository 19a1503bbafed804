"""One sandbox as a whole: up, down, and what it looks like."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from typing import TYPE_CHECKING

from simulation_sandbox import assets
from simulation_sandbox.errors import SandboxError
from simulation_sandbox.layout import CHECKOUT, Layout, State
from simulation_sandbox.locks import only_one
from simulation_sandbox.postgres import Postgres
from simulation_sandbox.processes import Child, last_lines, stop_by_id
from simulation_sandbox.valkey import Valkey
from simulation_sandbox.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    Report = Callable[[str], None]

READY_WITHIN_SECONDS = 180.0
STOP_WITHIN_SECONDS = 90.0

# Supervisors of this process, kept for the interpreter, which complains about a running child that nobody refers to.
_spawned: list[Child] = []


def up(layout: Layout, report: Report, *, hubspot_url: str | None = None, attached: bool = False) -> None:
    """Starts what isn't running and writes `kubeconfig` and `env`. `attached`: the sandbox stops when this process ends."""
    layout.root.mkdir(parents=True, exist_ok=True)
    layout.root.chmod(0o711)  # Postgres, another user where we are root, must find its folder
    built = assets.ensure(report)
    with only_one(layout.lock):
        supervisor = None
        if not is_running(layout):
            _end_leftovers(layout)
            supervisor = _start_supervisor(layout, attached=attached)
        _wait_until_ready(layout, supervisor, report)
        write_environment(layout, built, hubspot_url or layout.hubspot_url)


def down(layout: Layout, report: Report) -> None:
    """Stops everything, whoever started it; the data stays. Harmless if nothing runs."""
    if not layout.root.exists():
        report("nothing runs")
        return
    with only_one(layout.lock):
        state = State.load(layout.state)
        if state is None:
            report("nothing runs")
            return
        report(f"stopping the sandbox (pid {state.supervisor.pid})")
        stop_by_id(state.supervisor, grace_seconds=STOP_WITHIN_SECONDS)
        _end_leftovers(layout)
        _spawned[:] = [child for child in _spawned if child.alive]  # looking reaps the one that has just ended
        report("stopped")


def remove(layout: Layout, report: Report) -> None:
    """`down`, and the data goes as well."""
    down(layout, report)
    Postgres(layout.postgres).remove()
    shutil.rmtree(layout.root, ignore_errors=True)


def is_running(layout: Layout) -> bool:
    state = State.load(layout.state)
    return state is not None and state.supervisor.alive


def write_environment(layout: Layout, built: assets.Assets, hubspot_url: str) -> None:
    """The files that a shell and kubectl are pointed at."""
    shutil.copy(layout.control_plane / "kubeconfig", layout.kubeconfig)
    layout.bin.mkdir(exist_ok=True)
    link = layout.bin / "helm"
    link.unlink(missing_ok=True)
    link.symlink_to(built.helm)
    programs = f"{CHECKOUT / '.venv' / 'bin'}:{layout.bin}"
    values = {
        "KUBECONFIG": str(layout.kubeconfig),
        "SIMULATION_DATABASE_URL": Postgres(layout.postgres).url,
        "SIMULATION_REDIS_URL": Valkey(layout.valkey).url,
        "SIMULATION_HUBSPOT_URL": hubspot_url,
    }
    if layout.model_url is not None:
        values["SIMULATION_MODEL_URL"] = layout.model_url
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    lines.append(f'export PATH={shlex.quote(programs)}:"$PATH"')
    layout.env.touch(mode=0o600)
    layout.env.write_text("\n".join(lines) + "\n")


def _start_supervisor(layout: Layout, *, attached: bool) -> Child:
    layout.state.unlink(missing_ok=True)
    command = [sys.executable, "-m", "simulation_sandbox.supervisor", str(layout.root)]
    child = Child.spawn(command, log=layout.log / "supervisor.log", death_signal=signal.SIGTERM if attached else None)
    _spawned[:] = [*(earlier for earlier in _spawned if earlier.alive), child]
    return child


def _wait_until_ready(layout: Layout, supervisor: Child | None, report: Report) -> None:
    """Repeats what the supervisor says it is doing. `supervisor`: None if an earlier command started it."""
    told = ""

    def ready() -> bool:
        nonlocal told
        state = State.load(layout.state)
        if (supervisor is not None and not supervisor.alive) or (supervisor is None and state is None):
            raise SandboxError(f"the sandbox didn't start: {last_lines(layout.log / 'supervisor.log', 1)}")
        if state is not None and state.doing != told:
            told = state.doing
            report(told)
        return state is not None and state.ready

    wait_for(ready, what=f"the sandbox to start (see {layout.log})", within_seconds=READY_WITHIN_SECONDS)


def _end_leftovers(layout: Layout) -> None:
    """Nothing should be left once the supervisor is gone; whatever is recorded and lives all the same is ended."""
    state = State.load(layout.state)
    if state is None:
        return
    for process in state.parts.values():
        # the kernel's death signal is on its way: give it the time to arrive before a second one
        stop_by_id(process, grace_seconds=5)
    layout.state.unlink(missing_ok=True)
