"""Where everything of one sandbox lies, and what is remembered about it between commands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from simulation_sandbox.processes import ProcessId

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Layout:
    """One sandbox's folder: `.sandbox` of the checkout, unless told otherwise."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def env(self) -> Path:
        """`export` lines for a shell."""
        return self.root / "env"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def bin(self) -> Path:
        """Programs for the user's PATH that aren't in the checkout's .venv/bin."""
        return self.root / "bin"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def control_plane(self) -> Path:
        return self.root / "control-plane"

    @property
    def node(self) -> Path:
        return self.root / "node"

    @property
    def hubspot_port(self) -> Path:
        return self.root / "hubspot-port"

    @property
    def hubspot_url(self) -> str:
        """The emulator's."""
        return f"http://127.0.0.1:{int(self.hubspot_port.read_text())}"

    @property
    def model_port(self) -> Path:
        return self.root / "model-port"

    @property
    def model_url(self) -> str | None:
        """The language model's, as a client wants it; None before there was one."""
        return f"http://127.0.0.1:{int(self.model_port.read_text())}/v1" if self.model_port.exists() else None


DEFAULT = Layout(CHECKOUT / ".sandbox")


@dataclass(frozen=True, kw_only=True)
class State:
    """What the supervisor says about itself. Written by it alone; read by up, down and status."""

    supervisor: ProcessId
    parts: dict[str, ProcessId] = field(default_factory=dict)
    ready: bool = False
    doing: str = ""

    @classmethod
    def load(cls, path: Path) -> State | None:
        """None: no sandbox was started here, or it was stopped."""
        try:
            raw: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        return cls(
            supervisor=ProcessId(**raw["supervisor"]),
            parts={name: ProcessId(**part) for name, part in raw["parts"].items()},
            ready=raw["ready"],
            doing=raw["doing"],
        )

    def save(self, path: Path) -> None:
        """Replaces the file in one step: a reader never sees half of it."""
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(self), indent=1))
        unfinished.rename(path)
