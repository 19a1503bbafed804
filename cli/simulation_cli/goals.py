"""What can be waited for, and whether a Simulation is there, may still come there, or never will. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from simulation_cli.exits import CalledWronglyError
from simulation_cli.resource import RETRY_FAILED, VERIFY, ClusterSimulation
from simulation_cli.verbs import Verb

CONDITIONS = ("Accepted", "Feasible", "Complete", "Failed", "Finished", "Suspended", "Verified", "Archived")
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
    return Goal(found, lambda simulation: _is(found, simulation), lambda simulation: _never(found, simulation))


def goal_of(verb: Verb, simulation: ClusterSimulation) -> Goal:
    """What --wait of a verb waits for. `simulation`: as it was patched."""
    match verb:
        case Verb.SUSPEND:
            return goal_named("Suspended")
        case Verb.CANCEL:
            return goal_named("Cancelled")
        case Verb.RESUME:
            return Goal("resumed", lambda now: now.holds("Suspended") is False or now.ended, lambda _: False)
        case Verb.RETRY:
            return _handled(RETRY_FAILED, simulation, "taken up by the operator")
        case Verb.VERIFY:
            return _handled(VERIFY, simulation, "verified")


def _handled(annotation: str, asked: ClusterSimulation, name: str) -> Goal:
    token = asked.annotations.get(annotation)
    return Goal(name, lambda now: now.pending(annotation) is None, lambda now: now.annotations.get(annotation) != token)


def _is(name: str, simulation: ClusterSimulation) -> bool:
    if name in CONDITIONS:
        return simulation.holds(name) is True and not (name in {"Failed", "Finished"} and not simulation.ended)
    return simulation.phase == name and (not simulation.status.get("observedGeneration", 0) < simulation.generation)


def _never(name: str, simulation: ClusterSimulation) -> bool:
    """Verifying and archiving come after the end; of all else nothing comes then."""
    return simulation.ended and name not in {"Verified", "Archived"}
