"""What can be waited for, and whether a Simulation is there, may still come there, or never will. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from simulation_cli.exits import CalledWronglyError
from simulation_cli.resource import AWAITING_ACCEPTANCE, RETRY_FAILED, VERIFY, ClusterSimulation
from simulation_cli.verbs import Verb
from simulation_core.reasons import NOT_VERIFIED

CONDITIONS = ("Accepted", "Feasible", "Progressing", "Complete", "Failed", "Finished", "Suspended", "Verified")
PHASES = ("Planning", "Queued", "Running", "Suspended", "Completed", "Failed", "Cancelled")
DELETE = "delete"  # as for kubectl wait
NAMES = tuple(dict.fromkeys((*CONDITIONS, *PHASES, DELETE)))


class Outlook(enum.Enum):
    REACHED = enum.auto()
    OPEN = enum.auto()
    MISSED = enum.auto()  # it ended otherwise


@dataclass(frozen=True)
class Goal:
    name: str  # as it is said: "to be Complete"
    reached: Callable[[ClusterSimulation], bool]
    missed: Callable[[ClusterSimulation], bool]
    said: Callable[[ClusterSimulation], str] = lambda simulation: simulation.message
    gone: Outlook = Outlook.MISSED  # where it was deleted

    def outlook(self, simulation: ClusterSimulation) -> Outlook:
        if self.reached(simulation):
            return Outlook.REACHED
        return Outlook.MISSED if self.missed(simulation) else Outlook.OPEN


def goal_named(name: str) -> Goal:
    """A condition that is True, or a phase, in any case of letters; `condition=Complete`, as kubectl has it, is understood."""
    asked = name.removeprefix("condition=").casefold()
    if asked == "archived":
        raise CalledWronglyError(f"--for {name!r} would not be seen: a Simulation is gone once it is archived. Wait --for {DELETE}")
    found = next((each for each in NAMES if each.casefold() == asked), None)
    if found is None:
        raise CalledWronglyError(f"--for {name!r} is nothing a Simulation comes to: choose one of {', '.join(NAMES)}")
    return _SPECIAL.get(found) or Goal(found, lambda simulation: _is(found, simulation), lambda simulation: simulation.ended)


def goal_of(verb: Verb, simulation: ClusterSimulation) -> Goal:
    """What --wait of a verb waits for. `simulation`: as it was patched."""
    match verb:
        case Verb.SUSPEND:
            return SUSPENDED
        case Verb.CANCEL:
            return goal_named("Cancelled")
        case Verb.RESUME:
            return Goal("resumed", lambda now: now.holds("Suspended") is False or now.ended, lambda _: False)
        case Verb.VERIFY:
            return VERIFIED
        case Verb.RETRY:
            token = simulation.annotations.get(RETRY_FAILED)
            return Goal(
                "taken up by the operator",
                lambda now: now.pending(RETRY_FAILED) is None,
                lambda now: now.annotations.get(RETRY_FAILED) != token,
            )


def _verified(simulation: ClusterSimulation) -> bool:
    return simulation.pending(VERIFY) is None and simulation.holds("Verified") is True


def _will_not_be_verified(simulation: ClusterSimulation) -> bool:
    """It has its answer, or has ended and nobody asked. Any other reason of a Verified that is False says that it is on its way."""
    if simulation.pending(VERIFY) is not None:
        return False
    reason = simulation.condition("Verified").get("reason")
    return reason in NOT_VERIFIED or (reason is None and simulation.ended)


def _said_of_verifying(simulation: ClusterSimulation) -> str:
    if simulation.ended and simulation.pending(VERIFY) is None and not simulation.condition("Verified"):
        return f"nobody asked for it, `kubectl simulation verify {simulation.name} --wait` does"
    return str(simulation.condition("Verified").get("message") or simulation.message)


# It comes after the end of the run, and what an earlier comparison found is no answer to one that was asked for since.
VERIFIED = Goal("Verified", _verified, _will_not_be_verified, _said_of_verifying)


def _rests(simulation: ClusterSimulation) -> bool:
    return simulation.holds("Suspended") is True or _is_held_back(simulation)


def _is_held_back(simulation: ClusterSimulation) -> bool:
    """It waits to be accepted, for which no time is known; suspended as it is, nothing would begin then either."""
    waits = simulation.holds("Accepted") is False and simulation.condition("Accepted").get("reason") in AWAITING_ACCEPTANCE
    return waits and bool(simulation.spec.get("suspend")) and not simulation.ended


def _said_of_resting(simulation: ClusterSimulation) -> str:
    if not _is_held_back(simulation):
        return simulation.message
    return f"it isn't accepted yet, so there is nothing to stop, and nothing begins before it is resumed. {simulation.message}"


SUSPENDED = Goal("Suspended", _rests, lambda simulation: simulation.ended, _said_of_resting)
DELETED = Goal("deleted", lambda _: False, lambda _: False, gone=Outlook.REACHED)
_SPECIAL = {"Verified": VERIFIED, "Suspended": SUSPENDED, DELETE: DELETED}


def _is(name: str, simulation: ClusterSimulation) -> bool:
    if name in CONDITIONS:
        return simulation.holds(name) is True and not (name in {"Failed", "Finished"} and not simulation.ended)
    return simulation.phase == name and (not simulation.status.get("observedGeneration", 0) < simulation.generation)
