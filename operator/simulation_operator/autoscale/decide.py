"""How many workers there should be: up at once, down after a quiet window, none when nothing is due and nothing falls due soon."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from simulation_core.plan.load import workers_for


class Reason(enum.StrEnum):
    """Why the worker Deployment gets the replicas it gets. Shown in logs and metrics."""

    LEDGER_UNREADABLE = "LedgerUnreadable"
    BACKLOG = "Backlog"
    DUE_SOON = "DueSoon"
    STEADY = "Steady"
    COOLING_DOWN = "CoolingDown"
    QUIET = "Quiet"


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the ledger says wants a worker, in batches; counted no further than the largest number of workers can have."""

    due: int  # due now and not finished, those under way included
    due_within_lead: int  # falls due before a worker asked for now could begin

    @property
    def batches(self) -> int:
        return self.due + self.due_within_lead


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Everything the decision may look at, taken at one moment."""

    demand: Demand | None  # None: the ledger could not be read
    replicas: int  # what the Deployment asks for now
    batches_per_replica: int  # how many batches one worker may have before another is asked for
    quiet_seconds: float  # how long demand has been below what the replicas are for
    quiet_window_seconds: float  # how long it must have been before replicas go
    lead_seconds: float
    minimum: int
    maximum: int


@dataclass(frozen=True)
class Decision:
    replicas: int
    reason: Reason
    message: str


def decide(seen: Observation) -> Decision:
    """The replicas the worker Deployment should have. The first rule that speaks is followed."""
    if seen.demand is None:
        return Decision(seen.replicas, Reason.LEDGER_UNREADABLE, f"holding {seen.replicas}: the ledger can't be read")
    wanted = wanted_replicas(seen.demand, seen)
    return (
        rise_at_once(wanted, seen.demand, seen)
        or stay_when_right(wanted, seen)
        or stay_while_cooling_down(seen)
        or fall(wanted, seen.demand, seen)
    )


def wanted_replicas(demand: Demand, seen: Observation) -> int:
    return min(seen.maximum, max(seen.minimum, workers_for(demand.batches, seen.batches_per_replica)))


def rise_at_once(wanted: int, demand: Demand, seen: Observation) -> Decision | None:
    if wanted <= seen.replicas:
        return None
    if demand.due_within_lead > demand.due:
        return Decision(wanted, Reason.DUE_SOON, f"{_told(demand.due_within_lead, seen)} fall due within {seen.lead_seconds:.0f} s")
    return Decision(wanted, Reason.BACKLOG, f"{_told(demand.due, seen)} are due")


def stay_when_right(wanted: int, seen: Observation) -> Decision | None:
    return Decision(wanted, Reason.STEADY, f"{wanted} is right") if wanted == seen.replicas else None


def stay_while_cooling_down(seen: Observation) -> Decision | None:
    # Above the maximum (an administrator lowered it, or somebody scaled by hand) there is nothing to wait for.
    if seen.quiet_seconds >= seen.quiet_window_seconds or seen.replicas > seen.maximum:
        return None
    return Decision(seen.replicas, Reason.COOLING_DOWN, f"quiet for {seen.quiet_seconds:.0f} of {seen.quiet_window_seconds:.0f} s")


def fall(wanted: int, demand: Demand, seen: Observation) -> Decision:
    return Decision(wanted, Reason.QUIET, f"{demand.batches} batches are due or fall due within {seen.lead_seconds:.0f} s")


def _told(batches: int, seen: Observation) -> str:
    return f"{batches} batches{' or more' if batches >= seen.maximum * seen.batches_per_replica else ''}"
