"""spec.missedRecords: what becomes of records that came due while nothing was delivered. One pure decision, wherever it is asked for.

Whole batches are judged: a batch is due at its last record's time. Asked only about batches that were never begun. What was begun may be
in the CRM already, so it is always finished, under every policy.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulation_core.durations import in_words
from simulation_core.reasons import Reason
from simulation_core.spec import MissedRecords

MISSED_AFTER_MS = 60_000
"""How late a batch must be, in a run that goes on, to count as missed.

A minute is more than what an everyday hiccup costs: a restart of Postgres or Redis, a worker started on an idle cluster, several of
HubSpot's ten-second windows. None of these may lose a record or move a plan. And it is little enough for a person to call it an outage.
"""


@dataclass(frozen=True)
class Nothing:
    """The plan stays as it is: what is due is delivered at once, in order."""


@dataclass(frozen=True)
class SkipUntil:
    """What was never begun and was due at this moment or before is skipped."""

    moment_ms: int  # since the epoch


@dataclass(frozen=True)
class ShiftBy:
    """The plan moves into the future by this much, above zero; all distances stay."""

    milliseconds: int


@dataclass(frozen=True)
class Missed:
    action: Nothing | SkipUntil | ShiftBy
    reason: Reason
    message: str


def decide(policy: MissedRecords, *, earliest_due_ms: int | None, moment_ms: int, now_ms: int) -> Missed:
    """What to do. Moments in milliseconds since the epoch.

    earliest_due_ms: when the earliest batch is due that was never begun; None: there is none.
    moment_ms: not after now_ms; what was due then or before was missed, what was due later is only late.
    """
    if earliest_due_ms is None or earliest_due_ms > moment_ms:
        return Missed(Nothing(), Reason.RUNNING, "nothing was missed")
    late_ms = now_ms - earliest_due_ms
    match policy:
        case MissedRecords.SKIP:
            return Missed(SkipUntil(moment_ms), Reason.RECORDS_SKIPPED, "what was missed is skipped")
        case MissedRecords.SHIFT if late_ms > 0:
            return Missed(ShiftBy(late_ms), Reason.SHIFTED, f"the plan is moved by {in_words(late_ms)}")
    return Missed(Nothing(), Reason.RUNNING, "what was missed is caught up with")
