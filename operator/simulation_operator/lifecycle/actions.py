"""What a decision may be: a closed set of actions, each of which may be repeated after a crash at any point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulation_core.ledger.values import Run
from simulation_core.plan.load import Load
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_core.spec import Spec


@dataclass(frozen=True)
class Nothing:
    """As it should be."""


@dataclass(frozen=True)
class Wait:
    """It can't go on now. It is looked at again on the next resync, and when what it waits for changes."""


@dataclass(frozen=True)
class Refuse:
    """It can never run, and gets no row in the ledger."""


@dataclass(frozen=True)
class Look:
    """It seems to be gone: ask for a complete list that would show it."""


@dataclass(frozen=True)
class Accept:
    """Give it its row in the ledger, which from then on decides."""

    spec: Spec
    seed: int


@dataclass(frozen=True)
class Plan:
    """Compute and store every due time, and publish them."""

    run: Run


@dataclass(frozen=True)
class Advise:
    """Find what would make the plan fit its portal."""

    run: Run
    load: Load
    portal: Portal


@dataclass(frozen=True)
class ResolveStart:
    """Its first resume: the window begins now, plus the lead."""


@dataclass(frozen=True)
class Suspend:
    pass


@dataclass(frozen=True)
class Resume:
    pass


@dataclass(frozen=True)
class Cancel:
    pass


@dataclass(frozen=True)
class Delete:
    """End the run because its Simulation is gone."""


@dataclass(frozen=True)
class UpdateChangeable:
    """Store what the user may change while the run lives."""

    spec: Mapping[str, Any]


@dataclass(frozen=True)
class RetryFailed:
    """Try what failed once more, under this token, which is carried out once."""

    token: str


@dataclass(frozen=True)
class Verify:
    """Have a worker compare the CRM with the ledger, under this token, which is carried out once."""

    token: str


@dataclass(frozen=True)
class Hold:
    """See to it that it can't be gone before what it created is archived."""


@dataclass(frozen=True)
class Release:
    """Let it go, archived or not."""


@dataclass(frozen=True)
class Archive:
    """Have a worker archive what the run created."""


@dataclass(frozen=True)
class Expire:
    """Delete its Simulation: its time after the end is over."""


Action = (
    Nothing
    | Wait
    | Refuse
    | Look
    | Accept
    | Plan
    | Advise
    | ResolveStart
    | Suspend
    | Resume
    | Cancel
    | Delete
    | UpdateChangeable
    | RetryFailed
    | Verify
    | Hold
    | Release
    | Archive
    | Expire
)


@dataclass(frozen=True)
class Decision:
    action: Action
    reason: Reason
    message: str
