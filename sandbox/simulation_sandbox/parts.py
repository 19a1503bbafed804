"""The parts of a sandbox as the supervisor sees them: things that start, stop, and whose processes can be watched."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx

from simulation_sandbox.controlplane import ControlPlane
from simulation_sandbox.errors import SandboxError
from simulation_sandbox.ports import remembered_port
from simulation_sandbox.postgres import Postgres
from simulation_sandbox.processes import Child
from simulation_sandbox.valkey import Valkey
from simulation_sandbox.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation_sandbox.assets import Assets
    from simulation_sandbox.layout import Layout

NODE_NAME = "sandbox"
READY_WITHIN_SECONDS = 30.0


class Part(Protocol):
    """A server or two. `revive` starts again what died, and only that."""

    @property
    def children(self) -> list[Child]: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def revive(self) -> None: ...


class Subcommand:
    """A part that is a subcommand of ours in a process of its own."""

    def __init__(self, arguments: list[str], *, log: Path, ready: Callable[[], bool]) -> None:
        self._arguments = arguments
        self._log = log
        self._ready = ready
        self.child: Child | None = None

    @property
    def children(self) -> list[Child]:
        return [self.child] if self.child else []

    def start(self) -> None:
        child = self.child = Child.spawn([sys.executable, "-m", "simulation_sandbox.main", *self._arguments], log=self._log)

        def ready() -> bool:
            if not child.alive:
                raise SandboxError(f"{child.name} ended with {child.exit_code}: {child.last_words()}")
            return self._ready()

        wait_for(ready, what=f"{child.name} (see {self._log})", within_seconds=READY_WITHIN_SECONDS)

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop(grace_seconds=60)
            self.child = None

    revive = start


def parts_of(layout: Layout, assets: Assets) -> dict[str, Part]:
    """In the order in which they start; they stop in the opposite one."""
    control_plane = ControlPlane(layout.control_plane, assets)
    parts: dict[str, Part] = {
        "postgres": Postgres(layout.postgres),
        "valkey": Valkey(layout.valkey),
        "control plane": control_plane,
        "hubspot": _hubspot(layout),
        "model": _model(layout),
    }
    if importlib.util.find_spec("simulation_sandbox.node.command") is not None:
        parts["node"] = _node(layout, control_plane)
    return parts


def _hubspot(layout: Layout) -> Subcommand:
    port = remembered_port(layout.hubspot_port)
    return _served("hubspot", port, answers=f"{layout.hubspot_url}/_emulator/summary", log=layout.log / "hubspot.log")


def _model(layout: Layout) -> Subcommand:
    port = remembered_port(layout.model_port)
    return _served("model", port, answers=f"{layout.model_url}/models", log=layout.log / "model.log")


def _served(command: str, port: int, *, answers: str, log: Path) -> Subcommand:
    def ready() -> bool:
        try:
            return httpx.get(answers, trust_env=False, timeout=2).is_success
        except httpx.TransportError:
            return False

    return Subcommand([command, "--port", str(port)], log=log, ready=ready)


def _node(layout: Layout, control_plane: ControlPlane) -> Subcommand:
    arguments = ["node", "--kubeconfig", str(control_plane.kubeconfig), "--folder", str(layout.node), "--name", NODE_NAME]
    arguments += ["--keys", str(control_plane.keys)]
    return Subcommand(arguments, log=layout.log / "node.log", ready=lambda: control_plane.has(f"/api/v1/nodes/{NODE_NAME}"))
