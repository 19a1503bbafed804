"""Simulations about which nothing is left to decide or to show: ten thousand that ended long ago must cost next to nothing. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulation_core.clock import to_ms
from simulation_core.reasons import NOT_VERIFIED
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
        and simulation.held is simulation.to_be_archived
        and simulation.retry_token in {"", simulation.status.get("handledRetryToken")}
        and simulation.verify_token in {"", simulation.status.get("handledVerifyToken")}
        and not still_asked_for(simulation.status)
        and now_ms < rests_until_ms(simulation)
    )


def rests_until_ms(simulation: Simulation) -> float:
    """When its time to live is over (Unix epoch); infinity for one that may stay for ever."""
    seconds = simulation.spec.get("ttlSecondsAfterFinished")
    if seconds is None:
        return math.inf
    ended = find(simulation.status, "Finished").get("lastTransitionTime")
    return -math.inf if ended is None else to_ms(datetime.fromisoformat(ended)) + seconds * 1000


def still_asked_for(status: Mapping[str, Any]) -> bool:
    """Something was begun after the end of the run, and its end isn't shown yet."""
    verified = find(status, "Verified")
    return verified.get("status") == "False" and verified.get("reason") not in NOT_VERIFIED
