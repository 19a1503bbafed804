"""What the status shows of errands: verifying and archiving what a run created. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulation_core.clock import iso_ms
from simulation_core.kinds import Kind
from simulation_core.ledger.values import ErrandState, Progress
from simulation_core.object_keys import OBJECT_TYPES
from simulation_core.reasons import Reason
from simulation_operator.conditions import Condition
from simulation_operator.resource import Simulation

_AS_IT_SHOULD_BE = frozenset({Reason.VERIFYING, Reason.ARCHIVING, Reason.DRAINING})


def conditions(simulation: Simulation, progress: Progress, problem: tuple[Reason, str] | None) -> list[Condition]:
    """`problem`: why the portal isn't served, where it isn't."""
    shown = (_verified(simulation, progress, problem), archived(simulation, progress, problem))
    return [condition for condition in shown if condition is not None]


def fields(progress: Progress) -> dict[str, Any]:
    """Members of the status; None where there is nothing to say."""
    verify, archive = progress.errands.get(Kind.VERIFY), progress.errands.get(Kind.ARCHIVE)
    return {
        "archived": None if archive is None else _how_far(archive),
        "verification": None if verify is None else _verification(verify),
        "handledVerifyToken": None if verify is None else verify.token,
    }


def _verified(simulation: Simulation, progress: Progress, problem: tuple[Reason, str] | None) -> Condition | None:
    state = progress.errands.get(Kind.VERIFY)
    if not progress.run.status.terminal and simulation.verify_token and (state is None or state.token != simulation.verify_token):
        return Condition("Verified", False, Reason.NOT_FINISHED, "The run is still going on: it is verified when it has ended.")
    if state is None:
        return None
    if not state.done or state.result is None:
        return Condition("Verified", False, *_why_not_yet(state, problem, Reason.VERIFYING))
    return Condition("Verified", *_answer(progress, state, state.result))


def _answer(progress: Progress, state: ErrandState, result: Mapping[str, Any]) -> tuple[bool, Reason, str]:
    if progress.run.purged and not any(_counts(result, "expected").values()):
        return False, Reason.NO_LONGER_KNOWN, Reason.NO_LONGER_KNOWN.meaning
    if not progress.run.status.terminal or (state.done_ms or 0) < (progress.run.finished_ms or 0):
        return False, Reason.OUT_OF_DATE, Reason.OUT_OF_DATE.meaning
    differences = [
        f"{number} {type_} are {what}" for what in ("missing", "surplus") for type_, number in _counts(result, what).items() if number
    ]
    doubt = "" if result.get("settled", True) else " The search had not come to rest: verify again later."
    if differences:
        return False, Reason.DIFFERENCES_FOUND, f"{', '.join(differences)}: see status.verification.{doubt}"
    found = ", ".join(f"{number} {type_}" for type_, number in _counts(result, "found").items() if number) or "nothing"
    return not doubt, Reason.UNSETTLED if doubt else Reason.VERIFIED, f"Found as delivered: {found}.{doubt}"


def archived(simulation: Simulation, progress: Progress, problem: tuple[Reason, str] | None) -> Condition | None:
    """Of a Simulation that is being deleted. It always says how to let it go."""
    if not (simulation.deleting and simulation.held):
        return None
    state = progress.errands.get(Kind.ARCHIVE)
    how_far = {"done": 0, "total": 0} if state is None else _how_far(state)
    if state is not None and state.done:
        left = int((state.result or {}).get("left") or 0)
        others = f" {left} that carry this run's id are not of it, and stay." if left else ""
        return Condition("Archived", True, Reason.ARCHIVED, f"{how_far['done']} objects were archived.{others}")
    if state is None:
        reason, message = problem or (Reason.ARCHIVING, Reason.ARCHIVING.meaning)
    else:
        reason, message = _why_not_yet(state, problem, Reason.ARCHIVING)
    so_far = f"{how_far['done']} of {how_far['total']} objects are archived. " if how_far["total"] else ""
    patch = '{"spec":{"deletionPolicy":"Retain"}}'
    release = f"To let it go with what is left in HubSpot: kubectl patch simulation {simulation.key.name} --type merge -p '{patch}'"
    return Condition("Archived", False, reason, f"{so_far}{message} {release}")


def _how_far(state: ErrandState) -> dict[str, int]:
    seen = state.result if state.done and state.result is not None else state.progress
    done = int(seen.get("done") or 0)
    return {"done": done, "total": max(done, int(seen.get("total") or 0))}


def _why_not_yet(state: ErrandState, problem: tuple[Reason, str] | None, otherwise: Reason) -> tuple[Reason, str]:
    """What the worker said last, unless all was well by then and it isn't any more."""
    reason, message = (otherwise, otherwise.meaning) if state.reason is None else (Reason(state.reason), state.message)
    return problem if problem is not None and reason in _AS_IT_SHOULD_BE else (reason, message)


def _counts(result: Mapping[str, Any], what: str) -> dict[str, int]:
    return {type_: result[type_][what] for type_ in OBJECT_TYPES if type_ in result}


def _verification(state: ErrandState) -> dict[str, Any] | None:
    """Of the last time it was done."""
    if state.result is None or state.done_ms is None:
        return None
    shown = {type_: state.result[type_] for type_ in OBJECT_TYPES if type_ in state.result}
    keys = {name: state.result[name] for name in ("missingKeys", "surplusKeys") if state.result.get(name)}
    return {"time": iso_ms(state.done_ms), **shown, **keys}
