"""What happens to a Simulation, read top to bottom like a policy: the first rule that speaks is followed.

Each decision is carried out before the next one is made. One that changes something is followed by another, until nothing is left to do.
Nothing here can fail, block, or look at the world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from simulation_core.clock import iso_ms, to_ms
from simulation_core.errors import SpecError
from simulation_core.ledger.values import Run, RunState
from simulation_core.plan.feasibility import excess
from simulation_core.reasons import Reason
from simulation_core.spec import CHANGEABLE_FIELDS, Source, Spec
from simulation_operator.conditions import find
from simulation_operator.lifecycle.actions import (
    Accept,
    Advise,
    Archive,
    Cancel,
    Decision,
    Delete,
    Expire,
    Hold,
    Look,
    Nothing,
    Plan,
    Refuse,
    Release,
    ResolveStart,
    Resume,
    RetryFailed,
    Suspend,
    UpdateChangeable,
    Verify,
    Wait,
)
from simulation_operator.lifecycle.observe import Observation
from simulation_operator.resource import Simulation

S = TypeVar("S")

ABSENCES_THAT_PROVE_DELETION = 2


def decide(seen: Observation) -> Decision:
    """What to do for this Simulation now, and why."""
    if seen.ledger_problem is not None:
        return Decision(Wait(), Reason.DATABASE_UNAVAILABLE, f"{seen.ledger_problem}. Work goes on by itself when it is back")
    if seen.simulation is None or seen.simulation.deleting:
        return _end_what_is_gone(seen)
    if seen.resting:
        return Decision(Nothing(), Reason.COMPLETED, "it has ended, and its end is shown")
    if seen.simulation.to_be_archived is not seen.simulation.held:
        return _hold_or_release(seen.simulation)
    if seen.run is None:
        return _first(_BEFORE_ACCEPTANCE, _Newcomer(seen, seen.simulation))
    return _first(_AFTER_ACCEPTANCE, _Accepted(seen, seen.simulation, seen.run))


def _hold_or_release(simulation: Simulation) -> Decision:
    """Our finalizer is on those alone that ask for Archive: all others are gone when they are deleted, whatever becomes of us."""
    if simulation.to_be_archived:
        return Decision(Hold(), Reason.ACCEPTED, "spec.deletionPolicy is Archive")
    return Decision(Release(), Reason.ACCEPTED, "spec.deletionPolicy is not Archive")


def _end_what_is_gone(seen: Observation) -> Decision:
    if seen.simulation is not None and seen.simulation.held:
        return _archive_before_it_is_gone(seen, seen.simulation)
    if seen.simulation is None and seen.archived is False:
        return _look_again(seen) or Decision(Release(), Reason.CANCELLED, "its finalizer was removed by hand: what it created stays")
    if seen.run is None or seen.run.deleted_ms is not None or seen.run.run_state is RunState.DELETED:
        return Decision(Nothing(), Reason.CANCELLED, "it is gone, and nothing of it runs")
    return _look_again(seen) or Decision(Delete(), Reason.CANCELLED, "its Simulation was deleted")


def _look_again(seen: Observation) -> Decision | None:
    if seen.simulation is not None or seen.absences >= ABSENCES_THAT_PROVE_DELETION:
        return None
    return Decision(Look(), Reason.RUNNING, f"it was missing {seen.absences} times; only two complete lists prove that it is gone")


def _archive_before_it_is_gone(seen: Observation, simulation: Simulation) -> Decision:
    if not simulation.to_be_archived:
        return Decision(Release(), Reason.CANCELLED, "spec.deletionPolicy is not Archive any more: what it created stays")
    if seen.run is None:
        return Decision(Release(), Reason.CANCELLED, "it was never accepted, so it created nothing")
    if seen.run.run_state is not RunState.DELETED:
        return Decision(Delete(), Reason.CANCELLED, "it is being deleted: nothing new is begun")
    if seen.archived is None:
        return Decision(Archive(), Reason.ARCHIVING, "it is being deleted, and spec.deletionPolicy is Archive")
    if seen.archived:
        return Decision(Release(), Reason.ARCHIVED, "what it created is archived")
    return Decision(Nothing(), Reason.ARCHIVING, "what it created is being archived")


# Before it has a row


@dataclass(frozen=True)
class _Newcomer:
    seen: Observation
    simulation: Simulation


def expire_what_was_refused_long_ago(new: _Newcomer) -> Decision | None:
    finished = find(new.simulation.status, "Finished")
    if finished.get("status") != "True" or "lastTransitionTime" not in finished:
        return None
    return _expire(new.simulation, to_ms(datetime.fromisoformat(finished["lastTransitionTime"])), new.seen.now_ms)


def leave_what_was_refused(new: _Newcomer) -> Decision | None:
    """The same again, so that the status says it of what has been asked for since: a time to live, a retry."""
    if new.simulation.status.get("phase") != "Failed":
        return None
    accepted = find(new.simulation.status, "Accepted")
    if accepted.get("status") != "False" or accepted.get("reason") not in list(Reason):
        return Decision(Nothing(), Reason.SPEC_INVALID, "it has failed, and the ledger doesn't know it")
    return Decision(Refuse(), Reason(accepted["reason"]), str(accepted.get("message", "")))


def refuse_an_invalid_spec(new: _Newcomer) -> Decision | None:
    if not isinstance(new.seen.spec, SpecError):
        return None
    return Decision(Refuse(), Reason.SPEC_INVALID, f"{new.seen.spec}. Then create the Simulation again")


def end_what_is_cancelled(new: _Newcomer, spec: Spec) -> Decision | None:
    """It is born cancelled: for that it needs no portal."""
    return accept(new, spec) if spec.cancel else None


def wait_for_an_unknown_portal(new: _Newcomer, spec: Spec) -> Decision | None:
    if spec.portal in new.seen.portals:
        return None
    known = ", ".join(sorted(new.seen.portals)) or "none"
    return Decision(
        Wait(),
        Reason.PORTAL_UNKNOWN,
        f"spec.portal: {spec.portal!r} is not configured (configured: {known}): ask the administrator to add it, "
        "or create the Simulation again with another portal",
    )


def wait_for_the_namespace_to_be_allowed(new: _Newcomer, spec: Spec) -> Decision | None:
    namespace = new.simulation.key.namespace
    if new.seen.portals[spec.portal].allows(namespace):
        return None
    return Decision(
        Wait(),
        Reason.NAMESPACE_NOT_ALLOWED,
        f"spec.portal: portal {spec.portal!r} doesn't allow namespace {namespace!r}: ask the administrator to add the namespace to its "
        "allowedNamespaces, or create the Simulation again with another portal or in another namespace",
    )


def wait_for_a_larger_limit(new: _Newcomer, spec: Spec) -> Decision | None:
    limit = new.seen.portals[spec.portal].max_records_per_simulation
    if limit is None or spec.total_records <= limit:
        return None
    return Decision(
        Wait(),
        Reason.TOO_MANY_RECORDS,
        f"spec.totalRecords: {spec.total_records} is more than the {limit} that portal {spec.portal!r} allows: create the Simulation again "
        "with fewer, or ask the administrator to raise the portal's maxRecordsPerSimulation",
    )


def wait_for_a_model(new: _Newcomer, spec: Spec) -> Decision | None:
    if spec.content.source is not Source.OPENAI or new.seen.sources.has_model:
        return None
    return Decision(
        Wait(),
        Reason.MODEL_UNKNOWN,
        "spec.content.source: OpenAI, but this installation has no language model: ask the administrator to set model.name in the chart, "
        "or create the Simulation again with source: Faker",
    )


def refuse_what_waited_beyond_its_end(new: _Newcomer, spec: Spec) -> Decision | None:
    """Asked only of what waits: whatever else is accepted, and Postgres's clock is the judge."""
    end_ms = _end_ms(spec)
    if end_ms is None or new.seen.now_ms < end_ms:
        return None
    message = f"The window ended at {iso_ms(end_ms)}, before the run could start: create a Simulation with a later end."
    return Decision(Refuse(), Reason.WINDOW_PASSED, message)


def _end_ms(spec: Spec) -> int | None:
    """None: the window has no end before acceptance gives it a start."""
    if spec.end_time is not None:
        return to_ms(spec.end_time)
    if spec.start_time is None:
        return None
    start_ms = to_ms(spec.start_time)
    return start_ms + spec.window_ms(start_ms)


def accept(new: _Newcomer, spec: Spec) -> Decision:
    action = Accept(_with_its_source(spec, new.seen.sources.default), spec.seed_for(new.simulation.key.uid))
    return Decision(action, Reason.ACCEPTED, "the spec is taken as it stands")


def _with_its_source(spec: Spec, default: Source) -> Spec:
    """Who writes is settled with the rest: a model that comes or goes later doesn't change a run that is on."""
    if spec.content.source is not None:
        return spec
    return spec.model_copy(update={"content": spec.content.model_copy(update={"source": default})})


def _judge_the_spec(new: _Newcomer) -> Decision | None:
    spec = new.seen.spec
    if not isinstance(spec, Spec):
        return None
    if cancelled := end_what_is_cancelled(new, spec):
        return cancelled
    if waits := _wait_for_the_portal(new, spec) or wait_for_a_model(new, spec):
        return refuse_what_waited_beyond_its_end(new, spec) or waits
    return accept(new, spec)


def _wait_for_the_portal(new: _Newcomer, spec: Spec) -> Decision | None:
    return wait_for_an_unknown_portal(new, spec) or wait_for_the_namespace_to_be_allowed(new, spec) or wait_for_a_larger_limit(new, spec)


# After it has a row. Suspend and cancel are read from the object itself: they must work even if this version can't read the rest.


@dataclass(frozen=True)
class _Accepted:
    seen: Observation
    simulation: Simulation
    run: Run


def retry_what_failed_when_asked(accepted: _Accepted) -> Decision | None:
    token = accepted.simulation.retry_token
    if not token or token == accepted.run.retry_token:
        return None
    return Decision(RetryFailed(token), Reason.RETRYING_FAILED, f"the annotation retry-failed is {token!r}")


def verify_when_asked(accepted: _Accepted) -> Decision | None:
    """Once the run has ended: before, each answer would be out of date when it comes."""
    token = accepted.simulation.verify_token
    if not token or token == accepted.seen.verify_token or not accepted.run.status.terminal:
        return None
    return Decision(Verify(token), Reason.VERIFYING, f"the annotation verify is {token!r}")


def expire_what_ended_long_ago(accepted: _Accepted) -> Decision | None:
    """Counted from the last end: a run that was reopened ends anew."""
    ended_ms = accepted.run.finished_ms
    if ended_ms is None or not accepted.run.status.terminal:
        return None
    return _expire(accepted.simulation, ended_ms, accepted.seen.now_ms)


def _expire(simulation: Simulation, ended_ms: int, now_ms: int) -> Decision | None:
    seconds = simulation.spec.get("ttlSecondsAfterFinished")
    if not isinstance(seconds, int) or now_ms < ended_ms + seconds * 1000:
        return None
    return Decision(Expire(), Reason.EXPIRED, f"it ended at {iso_ms(ended_ms)}, and spec.ttlSecondsAfterFinished is {seconds}")


def leave_what_has_ended(accepted: _Accepted) -> Decision | None:
    if not (accepted.run.status.terminal or accepted.run.run_state is RunState.DELETED):
        return None
    return Decision(Nothing(), Reason.COMPLETED, f"the run has ended: {accepted.run.status}")


def cancel_when_asked(accepted: _Accepted) -> Decision | None:
    if accepted.run.run_state is RunState.CANCELLED:
        return Decision(Nothing(), Reason.CANCELLED, "cancelled; deliveries under way are being finished")
    if not accepted.simulation.spec.get("cancel"):
        return None
    return Decision(Cancel(), Reason.CANCELLED, "spec.cancel is true")


def suspend_when_asked(accepted: _Accepted) -> Decision | None:
    if not accepted.simulation.spec.get("suspend") or accepted.run.run_state is RunState.SUSPENDED:
        return None
    return Decision(Suspend(), Reason.SUSPENDED, "spec.suspend is true")


def store_what_was_changed(accepted: _Accepted) -> Decision | None:
    if not isinstance(accepted.seen.spec, Spec):
        return None
    wanted = accepted.seen.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    if _changeable(wanted) == _changeable(accepted.run.spec):
        return None
    return Decision(UpdateChangeable(_changeable(wanted)), Reason.ACCEPTED, "what may change while the run lives was changed")


def resume_when_asked(accepted: _Accepted) -> Decision | None:
    if accepted.simulation.spec.get("suspend") or accepted.run.run_state is not RunState.SUSPENDED:
        return None
    if accepted.run.start_ms is None:
        return Decision(ResolveStart(), Reason.ACCEPTED, "spec.suspend is false for the first time: the window begins")
    return Decision(Resume(), Reason.RUNNING, "spec.suspend is false")


def plan_what_has_a_start(accepted: _Accepted) -> Decision | None:
    if accepted.seen.planned or accepted.run.start_ms is None:
        return None
    return Decision(Plan(accepted.run), Reason.PLANNING, "its due times are not all stored yet")


def advise_what_exceeds_its_portal(accepted: _Accepted) -> Decision | None:
    """Also again, when the administrator changed the portal's limits."""
    demand, portal = accepted.seen.demand, accepted.seen.portals.get(accepted.run.portal)
    if demand is None or portal is None or excess(demand.load, portal) <= 1:
        return None
    if demand.advice is not None and demand.advice.is_for(portal):
        return None
    return Decision(Advise(accepted.run, demand.load, portal), Reason.EXCEEDS_LIMITS, "what would make it fit its portal is not known yet")


def nothing_is_left(accepted: _Accepted) -> Decision:
    return Decision(Nothing(), Reason.RUNNING, f"as it should be: {accepted.run.status}")


def _changeable(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in spec.items() if field in CHANGEABLE_FIELDS}


_BEFORE_ACCEPTANCE: tuple[Callable[[_Newcomer], Decision | None], ...] = (
    expire_what_was_refused_long_ago,
    leave_what_was_refused,
    refuse_an_invalid_spec,
    _judge_the_spec,
)
_AFTER_ACCEPTANCE: tuple[Callable[[_Accepted], Decision | None], ...] = (
    retry_what_failed_when_asked,  # also of what has ended
    verify_when_asked,
    expire_what_ended_long_ago,
    leave_what_has_ended,
    cancel_when_asked,
    suspend_when_asked,
    store_what_was_changed,  # before a resume, which asks missedRecords
    resume_when_asked,
    plan_what_has_a_start,
    advise_what_exceeds_its_portal,
    nothing_is_left,
)


def _first(rules: tuple[Callable[[S], Decision | None], ...], state: S) -> Decision:
    return next(decision for rule in rules if (decision := rule(state)) is not None)
