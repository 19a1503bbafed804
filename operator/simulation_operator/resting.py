"""Simulations about which nothing is left to decide or to show: ten thousand that ended long ago must cost next to nothing. Pure."""

from __future__ import annotations

from datetime import datetime

from simulation_core.clock import to_ms
from simulation_operator.conditions import find
from simulation_operator.resource import Simulation

ENDED = frozenset({"Completed", "Failed", "Cancelled"})


def rests(simulation: Simulation, now_ms: int) -> bool:
    """Its end has been shown for what its spec says now, and its time to live, if it has one, isn't over.

    What may still ask for something of a Simulation that has ended belongs here: a Simulation that rests is not even looked at.
    """
    return (
        not simulation.deleting
        and simulation.status.get("phase") in ENDED
        and simulation.status.get("observedGeneration") == simulation.generation
        and not _time_is_over(simulation, now_ms)
    )


def _time_is_over(simulation: Simulation, now_ms: int) -> bool:
    seconds = simulation.spec.get("ttlSecondsAfterFinished")
    if seconds is None:
        return False
    ended = find(simulation.status, "Finished").get("lastTransitionTime")
    return ended is None or now_ms >= to_ms(datetime.fromisoformat(ended)) + seconds * 1000
