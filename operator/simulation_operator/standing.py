"""Where a run stands, as a reason and in words a person can act on. Pure."""

from __future__ import annotations

from simulation_core.durations import in_words
from simulation_core.ledger.values import Progress, Run, RunState, Status
from simulation_core.reasons import Reason

_LATENESS_STEPS = (
    (10_000, "10 seconds"),
    (30_000, "30 seconds"),
    (60_000, "a minute"),
    (300_000, "5 minutes"),
    (1_800_000, "half an hour"),
    (7_200_000, "2 hours"),
    (86_400_000, "a day"),
)


def standing(progress: Progress, now_ms: int) -> tuple[Reason, str]:
    """Where the run stands, as a reason and a sentence."""
    if progress.run.status.terminal:
        return _end(progress)
    if progress.run.run_state is not RunState.RUNNING:
        return _halt(progress)
    if progress.run.status is Status.RUNNING and (behind := _behind(progress, now_ms)):
        return Reason.RECORDS_LATE, f"Records are being delivered, but the next one was due more than {behind} ago."
    reason = {Status.PLANNING: Reason.PLANNING, Status.QUEUED: Reason.QUEUED}.get(progress.run.status, Reason.RUNNING)
    return reason, f"{reason.meaning}{_moved(progress.run)}{_skipped(progress.run)}"


def _moved(run: Run) -> str:
    return f" The plan was moved by {in_words(run.shift_ms)}, because records were missed." if run.shift_ms else ""


def _skipped(run: Run) -> str:
    return f" {run.records_skipped} records that were missed were skipped." if run.records_skipped else ""


def _behind(progress: Progress, now_ms: int) -> str | None:
    """How long the next record has been due, in steps, so that the sentence doesn't change with every look. None: not worth saying."""
    late_ms = 0 if progress.next_due_ms is None else now_ms - progress.next_due_ms
    return next((words for step_ms, words in reversed(_LATENESS_STEPS) if late_ms > step_ms), None)


def _end(progress: Progress) -> tuple[Reason, str]:
    run = progress.run
    match run.status:
        case Status.COMPLETED:
            return Reason.COMPLETED, f"{run.records_processed} of {run.total_records} records were delivered{_but(run)}{_late(progress)}."
        case Status.CANCELLED:
            return Reason.CANCELLED, f"Cancelled after {run.records_processed} of {run.total_records} records{_but(run)}."
    reason = Reason(run.reason) if run.reason in set(Reason) else Reason.FAILURE_POLICY_EXCEEDED
    return reason, run.message or reason.meaning


def _late(progress: Progress) -> str:
    """Said only where it is more than batching explains."""
    p99_ms, tolerance_ms = progress.lateness_p99_ms or 0, progress.run.spec["toleranceMilliseconds"]
    return f"; one in a hundred came {p99_ms // 1000} s late or later" if p99_ms > tolerance_ms + _LATENESS_STEPS[0][0] else ""


def _halt(progress: Progress) -> tuple[Reason, str]:
    if progress.draining:
        return Reason.DRAINING, f"Draining {progress.draining}: batches that were begun are being finished; nothing new is begun."
    if progress.run.run_state is RunState.SUSPENDED:
        return Reason.SUSPENDED, "Nothing new is begun: set spec.suspend to false to go on."
    return Reason.DRAINING, "Ending: nothing new is begun."


def _but(run: Run) -> str:
    parts = [f"{count} {what}" for count, what in ((run.records_failed, "failed"), (run.records_skipped, "were skipped")) if count]
    return f"; {' and '.join(parts)}" if parts else ""
