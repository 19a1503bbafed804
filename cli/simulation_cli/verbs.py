"""What each verb asks of a Simulation, and what there is to say where nothing can or need be asked. Pure: it is patched elsewhere.

Each is a merge patch that `kubectl patch` or `kubectl annotate` could have sent. Asking twice is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simulation_cli.resource import RETRY_FAILED, TERMINAL_PHASES, VERIFY, ClusterSimulation


class Verb(StrEnum):
    SUSPEND = "suspend"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    VERIFY = "verify"


@dataclass(frozen=True)
class Ask:
    """Send this merge patch; then `message` is true."""

    changes: Mapping[str, Any]
    message: str


@dataclass(frozen=True)
class Already:
    """It is as it was asked to be."""

    message: str


@dataclass(frozen=True)
class Refuse:
    """It can't be done, and why."""

    message: str


Answer = Ask | Already | Refuse


def answer(verb: Verb, simulation: ClusterSimulation, *, token: str) -> Answer:
    """`token`: a new one, for what is asked by annotation."""
    if simulation.deleting:
        return Refuse("is being deleted")
    return _RULES[verb](simulation, token)


def suspend(simulation: ClusterSimulation, _: str) -> Answer:
    if over := _over(simulation, "nothing is left to suspend"):
        return over
    if simulation.spec.get("suspend"):
        return Already("is suspended already" if simulation.phase == "Suspended" else "is being suspended already")
    return Ask({"spec": {"suspend": True}}, "suspended: nothing new is begun, what is under way is finished")


def resume(simulation: ClusterSimulation, _: str) -> Answer:
    if over := _over(simulation, "nothing is left to resume"):
        return over
    if not simulation.spec.get("suspend"):
        return Already("isn't suspended")
    missed = simulation.spec.get("missedRecords", "CatchUp")
    return Ask({"spec": {"suspend": False}}, f"resumed: records missed meanwhile are treated as missedRecords: {missed} says")


def cancel(simulation: ClusterSimulation, _: str) -> Answer:
    if simulation.phase == "Cancelled" or (simulation.spec.get("cancel") and simulation.phase not in TERMINAL_PHASES):
        return Already("is cancelled already" if simulation.phase == "Cancelled" else "is being cancelled already")
    if simulation.phase in TERMINAL_PHASES:
        return Refuse(f"has ended ({simulation.phase}): nothing is left to cancel")
    return Ask({"spec": {"cancel": True}}, "cancelled for good: its records and its counts stay")


def retry(simulation: ClusterSimulation, token: str) -> Answer:
    if simulation.pending(RETRY_FAILED) is not None:
        return Already("was asked to retry already, and the operator hasn't taken it up yet")
    if simulation.phase == "Cancelled" or simulation.spec.get("cancel"):
        return Refuse("was cancelled for good: its failed records can't be retried")
    failed = simulation.count("recordsFailed")
    if not failed:
        return Refuse("has no failed records: there is nothing to retry")
    return Ask({"metadata": {"annotations": {RETRY_FAILED: token}}}, f"asked to retry its {failed} failed records")


def verify(simulation: ClusterSimulation, token: str) -> Answer:
    if simulation.pending(VERIFY) is not None:
        return Already("was asked to verify already, and the operator hasn't taken it up yet")
    if not simulation.count("recordsProcessed") and not simulation.count("recordsFailed"):
        return Refuse("has delivered nothing yet: there is nothing to verify")
    later = "" if simulation.phase in TERMINAL_PHASES else ", once the run has ended"
    return Ask({"metadata": {"annotations": {VERIFY: token}}}, f"asked to compare its records with the CRM{later}")


def _over(simulation: ClusterSimulation, nothing_left: str) -> Refuse | None:
    if simulation.phase in TERMINAL_PHASES:
        return Refuse(f"has ended ({simulation.phase}): {nothing_left}")
    if simulation.spec.get("cancel"):
        return Refuse(f"is being cancelled: {nothing_left}")
    return None


_RULES: Mapping[Verb, Callable[[ClusterSimulation, str], Answer]] = {
    Verb.SUSPEND: suspend,
    Verb.RESUME: resume,
    Verb.CANCEL: cancel,
    Verb.RETRY: retry,
    Verb.VERIFY: verify,
}
