"""The state of a pod's containers and what follows from it: pure decisions, read top to bottom like the kubelet's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

START_ERROR_CODE = 128
KILLED_CODE = 137


class Policy(StrEnum):
    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"

    def restarts(self, exit_code: int) -> bool:
        return self is Policy.ALWAYS or (self is Policy.ON_FAILURE and exit_code != 0)

    @property
    def of_init_containers(self) -> Policy:
        """An init container that succeeded is done whatever the pod's policy says."""
        return Policy.ON_FAILURE if self is Policy.ALWAYS else self


class Phase(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def final(self) -> bool:
        return self in {Phase.SUCCEEDED, Phase.FAILED}


@dataclass(frozen=True, kw_only=True)
class Waiting:
    reason: str
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Running:
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class Terminated:
    exit_code: int
    reason: str
    message: str
    started_at: datetime
    finished_at: datetime


State = Waiting | Running | Terminated


@dataclass(frozen=True, kw_only=True)
class View:
    """A container as its status shows it. `Terminated` means for good; one that will be started again is `Waiting`."""

    name: str
    state: State
    last: Terminated | None = None
    restart_count: int = 0
    started: bool = False  # its startup probe passed
    ready: bool = False
    container_id: str = ""
    image: str = ""

    @property
    def succeeded(self) -> bool:
        return isinstance(self.state, Terminated) and self.state.exit_code == 0

    @property
    def failed(self) -> bool:
        return isinstance(self.state, Terminated) and self.state.exit_code != 0


@dataclass(frozen=True, kw_only=True)
class BackOff:
    """How long a container that ended waits: not at all the first time, then `base` doubling up to `limit`."""

    base_seconds: float
    limit_seconds: float

    def delay(self, ends_in_a_row: int) -> float:
        """`ends_in_a_row` counts the one just now: 1 or more."""
        return 0.0 if ends_in_a_row <= 1 else min(self.limit_seconds, self.base_seconds * 2.0 ** min(ends_in_a_row - 2, 60))

    @property
    def forgotten_after_seconds(self) -> float:
        """One that ran this long starts counting anew."""
        return 2 * self.limit_seconds


def initialized(inits: Sequence[View]) -> bool:
    return all(init.succeeded for init in inits)


def may_run(inits: Sequence[View], mains: Sequence[View]) -> list[str]:
    """The containers that should be running now: the first unfinished init container alone, then all the others."""
    if any(init.failed for init in inits):
        return []
    if not initialized(inits):
        return [next(init.name for init in inits if not init.succeeded)]
    return [main.name for main in mains if not isinstance(main.state, Terminated)]


def phase(inits: Sequence[View], mains: Sequence[View]) -> Phase:
    """Pending until every container has been started once; final once none will be started again."""
    if any(init.failed for init in inits):
        return Phase.FAILED
    if not initialized(inits) or any(isinstance(main.state, Waiting) and main.last is None for main in mains):
        return Phase.PENDING
    if all(isinstance(main.state, Terminated) for main in mains):
        return Phase.FAILED if any(main.failed for main in mains) else Phase.SUCCEEDED
    return Phase.RUNNING
