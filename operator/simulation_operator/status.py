"""What `kubectl get` and `describe` show of a Simulation: a pure function of its progress and of what stands in its way."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulation_core.clock import iso_ms, iso_seconds
from simulation_core.ledger.values import Failure, Progress, Run, RunState, Status
from simulation_core.plan.feasibility import feasible
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_operator import aftermath
from simulation_operator.conditions import Condition, find, render
from simulation_operator.resource import Simulation
from simulation_operator.roster import Verdict
from simulation_operator.standing import standing

PHASES: Mapping[Status, str] = {status: status.capitalize() for status in Status}

SHOWN_FAILURES = 5
SHOWN_BUCKETS = 40
LONGEST_MESSAGE = 2048
_MINUTE_MS = 60_000

_PASSING = frozenset({Reason.PORTAL_THROTTLED, Reason.PORTAL_UNAVAILABLE, Reason.CIRCUIT_OPEN})


@dataclass(frozen=True)
class Problem:
    """Something that stands in the way of every run it concerns."""

    reason: Reason
    message: str
    blocks: bool = True  # False: a warning beside a run that goes on


@dataclass(frozen=True, kw_only=True)
class View:
    """Everything a status is made of."""

    simulation: Simulation
    observed_generation: int
    now_ms: int
    before: Mapping[str, Any] = field(default_factory=dict)  # the status as it stands in the API server
    progress: Progress | None = None  # None: it has no row in the ledger
    verdict: Verdict | None = None  # why it has none
    problems: Sequence[Problem] = ()  # the first one that blocks is shown
    portal: Portal | None = None
    account: Mapping[str, Any] = field(default_factory=dict)  # accountId and accountType, once the portal was asked


def build(view: View) -> dict[str, Any]:
    """The whole status. Lists are whole too: a merge patch replaces them."""
    if view.progress is not None:
        return _of_run(view, view.progress)
    if view.verdict is not None:
        return _without_run(view, view.verdict)
    return copy.deepcopy(dict(view.before))


def while_database_is_away(view: View, message: str) -> dict[str, Any]:
    """The last known status, with the condition that says why it stands still."""
    problem = Verdict(reason=Reason.DATABASE_UNAVAILABLE, message=message, final=False)
    if not view.before.get("conditions"):
        return _without_run(view, problem)
    conditions = [_frozen(condition, problem, view) for condition in view.before["conditions"]]
    return {**copy.deepcopy(dict(view.before)), "conditions": conditions, "message": _sentence(message)}


def _frozen(condition: Mapping[str, Any], problem: Verdict, view: View) -> dict[str, Any]:
    if condition["type"] != "Progressing":
        return dict(condition)
    progressing = Condition("Progressing", False, problem.reason, problem.message)
    return render([progressing], before=[condition], generation=condition.get("observedGeneration", 0), now_ms=view.now_ms)[0]


# Without a row in the ledger


def _without_run(view: View, verdict: Verdict) -> dict[str, Any]:
    conditions = [
        Condition("Accepted", False, verdict.reason, verdict.message),
        Condition("Progressing", False, verdict.reason, verdict.message),
        Condition("Complete", False, verdict.reason, verdict.message),
        Condition("Failed", verdict.final, verdict.reason, verdict.message),
        Condition("Finished", verdict.final, verdict.reason, verdict.message),
        Condition("Suspended", False, verdict.reason, verdict.message),
    ]
    handled = {"handledRetryToken": view.simulation.retry_token, "handledVerifyToken": view.simulation.verify_token}
    return {
        **({name: token for name, token in handled.items() if token} if verdict.final else {}),  # there is nothing to retry or verify
        "observedGeneration": view.observed_generation,
        "phase": "Failed" if verdict.final else "Planning",
        "conditions": _rendered(view, conditions),
        "totalRecords": view.simulation.spec.get("totalRecords", 0),
        "recordsProcessed": 0,
        "recordsFailed": 0,
        "recordsSkipped": 0,
        "progress": "0%",
        "message": _sentence(verdict.message),
    }


# With a row in the ledger


def _of_run(view: View, progress: Progress) -> dict[str, Any]:
    run = progress.run
    blocking = next((problem for problem in view.problems if problem.blocks and _concerns(problem, progress, view.now_ms)), None)
    shown: dict[str, Any] = {
        "observedGeneration": view.observed_generation,
        "phase": PHASES[run.status],
        "conditions": _rendered(view, _conditions(view, progress, blocking)),
        "totalRecords": run.total_records,
        "objects": dict(progress.objects) or None,
        "recordsProcessed": run.records_processed,
        "recordsFailed": run.records_failed,
        "recordsSkipped": run.records_skipped,
        "progress": percent(run),
        "startTime": _shifted(run.start_ms, run),
        "endTime": _shifted(run.end_ms, run),
        "nextRecordTime": _next_record(run, progress.next_due_ms),
        "estimatedCompletionTime": _estimated_completion(view, run, blocking),
        "peakRecordsPerMinute": progress.peak_per_minute if any(progress.planned) else None,
        "timeline": _timeline(progress),
        "lateness": _lateness(progress),
        "portal": {"name": run.portal, **view.account},
        "content": _content(progress),
        "failures": [_failure(failure) for failure in list(progress.failures)[-SHOWN_FAILURES:]] or None,
        "handledRetryToken": run.retry_token,
        "retriedRecords": run.retried_records,
        **aftermath.fields(progress),
        "message": _sentence(_message(view, progress, blocking)),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _concerns(problem: Problem, progress: Progress, now_ms: int) -> bool:
    """What passes by itself is no news to a run of which nothing is due; what somebody must mend is, before it is due."""
    return problem.reason not in _PASSING or progress.next_due_ms is None or progress.next_due_ms <= now_ms


def percent(run: Run) -> str:
    """Records with an outcome, rounded down; 100% is shown at the end of the run and not a moment before."""
    settled = run.records_processed + run.records_failed + run.records_skipped
    whole = settled * 100 // max(1, run.total_records)
    return f"{whole if run.status.terminal else min(whole, 99)}%"


def _conditions(view: View, progress: Progress, blocking: Problem | None) -> list[Condition]:
    run = progress.run
    reason, message = standing(progress, view.now_ms)
    moving = run.status in {Status.PLANNING, Status.QUEUED, Status.RUNNING} and run.run_state is RunState.RUNNING
    conditions = [_accepted(run)]
    if progress.demand is not None and view.portal is not None:
        verdict = feasible(progress.demand, view.portal)
        conditions.append(Condition("Feasible", verdict.holds, verdict.reason, verdict.message))
    # What fails when it should be resumed or suspended must be seen as well.
    waits = blocking is not None and (moving or (blocking.reason is Reason.INTERNAL_ERROR and not run.status.terminal))
    return [
        *conditions,
        Condition("Progressing", False, blocking.reason, blocking.message)
        if waits and blocking is not None
        else Condition("Progressing", moving, reason, _with_warnings(message, view)),
        Condition("Complete", run.status is Status.COMPLETED, reason, message),
        Condition("Failed", run.status is Status.FAILED, reason, message),
        Condition("Finished", run.status.terminal, reason, message),
        Condition("Suspended", run.status is Status.SUSPENDED, reason, message),
        *aftermath.conditions(view.simulation, progress, _portal_problem(view)),
    ]


def _portal_problem(view: View) -> tuple[Reason, str] | None:
    return next(((problem.reason, problem.message) for problem in view.problems if problem.blocks), None)


def _accepted(run: Run) -> Condition:
    """A window that had passed was seen in the same instant as the spec: nothing of it was ever planned."""
    if run.reason == Reason.WINDOW_PASSED:
        return Condition("Accepted", False, Reason.WINDOW_PASSED, run.message or Reason.WINDOW_PASSED.meaning)
    return Condition("Accepted", True, Reason.ACCEPTED, Reason.ACCEPTED.meaning)


def _message(view: View, progress: Progress, blocking: Problem | None) -> str:
    if (archived := aftermath.archived(view.simulation, progress, _portal_problem(view))) is not None:
        return archived.message
    concerned = progress.run.run_state is RunState.RUNNING or (blocking is not None and blocking.reason is Reason.INTERNAL_ERROR)
    if blocking is not None and not progress.run.status.terminal and concerned:
        return blocking.message
    sentence = standing(progress, view.now_ms)[1]
    return sentence if progress.run.status.terminal else _with_warnings(sentence, view)


def _with_warnings(sentence: str, view: View) -> str:
    return " ".join([sentence, *(f"Warning: {problem.message}" for problem in view.problems if not problem.blocks)])


def _estimated_completion(view: View, run: Run, blocking: Problem | None) -> str | None:
    """The end of the window, and of what the limits make late; past that the next whole minute, so that not every look changes it."""
    if run.status.terminal or run.run_state is not RunState.RUNNING or run.end_ms is None or blocking is not None:
        return None
    end_ms = run.end_ms + run.shift_ms + _late_at_the_limits_ms(view)
    return iso_seconds(end_ms if view.now_ms <= end_ms else (view.now_ms // _MINUTE_MS + 1) * _MINUTE_MS)


def _late_at_the_limits_ms(view: View) -> int:
    """How late the last records of a plan are that exceeds its portal's limits."""
    demand = view.progress.demand if view.progress else None
    if demand is None or demand.advice is None or view.portal is None or not demand.advice.is_for(view.portal):
        return 0
    return demand.advice.late_milliseconds


def _timeline(progress: Progress) -> dict[str, Any] | None:
    if not any(progress.planned) or progress.run.start_ms is None:
        return None
    return {
        "startTime": _shifted(progress.run.start_ms, progress.run),
        "bucketMilliseconds": progress.bucket_ms,
        "planned": [int(count) for count in progress.planned[:SHOWN_BUCKETS]],
        "delivered": [int(count) for count in progress.delivered[:SHOWN_BUCKETS]],
    }


def _lateness(progress: Progress) -> dict[str, int] | None:
    if progress.lateness_p50_ms is None or progress.lateness_p99_ms is None:
        return None
    return {"p50Milliseconds": progress.lateness_p50_ms, "p99Milliseconds": progress.lateness_p99_ms}


def _content(progress: Progress) -> dict[str, int] | None:
    """Of runs whose content is stored: what Faker computes for the others is nothing to count."""
    counts = progress.content
    return None if counts is None else {"fromModel": counts.from_model, "fromFaker": counts.from_faker, "tokens": counts.tokens}


def _failure(failure: Failure) -> dict[str, Any]:
    shown = {"record": failure.record, "reason": failure.reason, "message": _sentence(failure.message), "time": iso_ms(failure.time_ms)}
    return shown if failure.correlation_id is None else {**shown, "correlationId": failure.correlation_id[:128]}


def _rendered(view: View, conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    return render(conditions, before=view.before.get("conditions", ()), generation=view.observed_generation, now_ms=view.now_ms)


def _next_record(run: Run, next_due_ms: int | None) -> str | None:
    """To the second: finer would only mean more writes of what nobody can read that fast."""
    return None if run.status.terminal or next_due_ms is None else iso_seconds(next_due_ms)


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else iso_ms(milliseconds)


def _shifted(milliseconds: int | None, run: Run) -> str | None:
    return None if milliseconds is None else iso_ms(milliseconds + run.shift_ms)


def _sentence(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…"


def waits_for(status: Mapping[str, Any]) -> str | None:
    """The reason for which a Simulation that hasn't ended stands still; None when it goes on, ended, or stands still as asked."""
    progressing = find(status, "Progressing")
    asked_for = {Reason.SUSPENDED, Reason.DRAINING}
    if progressing.get("status") != "False" or find(status, "Finished").get("status") == "True" or progressing["reason"] in asked_for:
        return None
    return str(progressing["reason"])
