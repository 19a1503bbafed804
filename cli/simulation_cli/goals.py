"""What can be waited for, and whether a Simulation is there, may still come there, or never will. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from simulation_cli.exits import CalledWronglyError
from simulation_cli.resource import RETRY_FAILED, VERIFY, ClusterSimulation
from simulation_cli.verbs import Verb
from simulation_core.reasons import NOT_VERIFIED

CONDITIONS = ("Accepted", "Feasible", "Complete", "Failed", "Finished", "Suspended", "Verified")
PHASES = ("Planning", "Queued", "Running", "Suspended", "Completed", "Failed", "Cancelled")
NAMES = tuple(dict.fromkeys((*CONDITIONS, *PHASES)))


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

    def outlook(self, simulation: ClusterSimulation) -> Outlook:
        if self.reached(simulation):
            return Outlook.REACHED
        return Outlook.MISSED if self.missed(simulation) else Outlook.OPEN


def goal_named(name: str) -> Goal:
    """A condition that is True, or a phase, in any case of letters; `condition=Complete`, as kubectl has it, is understood."""
    asked = name.removeprefix("condition=").casefold()
    found = next((each for each in NAMES if each.casefold() == asked), None)
    if found is None:
        raise CalledWronglyError(f"--for {name!r} is nothing a Simulation comes to: choose one of {', '.join(NAMES)}")
    if found == "Verified":
        return VERIFIED
    return Goal(found, lambda simulation: _is(found, simulation), lambda simulation: simulation.ended)


def goal_of(verb: Verb, simulation: ClusterSimulation) -> Goal:
    """What --wait of a verb waits for. `simulation`: as it was patched."""
    match verb:
        case Verb.SUSPEND:
            return goal_named("Suspended")
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


def _differs(simulation: ClusterSimulation) -> bool:
    """Any other reason of a Verified that is False says that it is on its way."""
    return simulation.pending(VERIFY) is None and simulation.condition("Verified").get("reason") in NOT_VERIFIED


# It comes after the end of the run, and what an earlier comparison found is no answer to one that was asked for since.
VERIFIED = Goal(
    "Verified", _verified, _differs, lambda simulation: str(simulation.condition("Verified").get("message") or simulation.message)
)


def _is(name: str, simulation: ClusterSimulation) -> bool:
    if name in CONDITIONS:
        return simulation.holds(name) is True and not (name in {"Failed", "Finished"} and not simulation.ended)
    return simulation.phase == name and (not simulation.status.get("observedGeneration", 0) < simulation.generation)
