"""spec.missedRecords as a table: what was due when, what is asked for, what happens to the plan."""

from __future__ import annotations

import pytest

from simulation_core.plan.missed import Nothing, ShiftBy, SkipUntil, decide
from simulation_core.reasons import Reason
from simulation_core.spec import MissedRecords

NOON = 1_800_000_000_000
LET_GO = NOON - 5_000  # the run was let go, five seconds of planning ago

CATCH_UP, SKIP, SHIFT = MissedRecords.CATCH_UP, MissedRecords.SKIP, MissedRecords.SHIFT


@pytest.mark.parametrize(
    ("policy", "earliest_due_ms", "moment_ms", "action"),
    [
        # nothing is left that was never begun
        (CATCH_UP, None, NOON, Nothing()),
        (SKIP, None, NOON, Nothing()),
        (SHIFT, None, NOON, Nothing()),
        # what falls due after the moment was not missed
        (CATCH_UP, NOON + 1, NOON, Nothing()),
        (SKIP, NOON + 1, NOON, Nothing()),
        (SHIFT, NOON + 1, NOON, Nothing()),
        # what fell due during planning is late, not missed
        (SKIP, LET_GO + 1, LET_GO, Nothing()),
        (SHIFT, LET_GO + 1, LET_GO, Nothing()),
        # a suspension of twelve minutes
        (CATCH_UP, NOON - 720_000, NOON, Nothing()),
        (SKIP, NOON - 720_000, NOON, SkipUntil(NOON)),
        (SHIFT, NOON - 720_000, NOON, ShiftBy(720_000)),
        # what is due in that very moment counts as missed, but there is no distance to move by
        (SKIP, NOON, NOON, SkipUntil(NOON)),
        (SHIFT, NOON, NOON, Nothing()),
        # the moment lies back: only what was due until then is skipped, but the plan moves to now
        (SKIP, LET_GO, LET_GO, SkipUntil(LET_GO)),
        (SHIFT, LET_GO, LET_GO, ShiftBy(5_000)),
        (SHIFT, LET_GO - 1_000, LET_GO, ShiftBy(6_000)),
    ],
)
def test_what_becomes_of_what_was_missed(policy, earliest_due_ms, moment_ms, action):
    assert decide(policy, earliest_due_ms=earliest_due_ms, moment_ms=moment_ms, now_ms=NOON).action == action


@pytest.mark.parametrize(
    ("policy", "reason", "message"),
    [
        (CATCH_UP, Reason.RUNNING, "what was missed is caught up with"),
        (SKIP, Reason.RECORDS_SKIPPED, "what was missed is skipped"),
        (SHIFT, Reason.SHIFTED, "the plan is moved by 12 min 3 s"),
    ],
)
def test_it_says_why(policy, reason, message):
    missed = decide(policy, earliest_due_ms=NOON - 723_000, moment_ms=NOON, now_ms=NOON)
    assert (missed.reason, missed.message) == (reason, message)


def test_a_shift_makes_the_earliest_due_at_once_and_nothing_early():
    moved = decide(SHIFT, earliest_due_ms=NOON - 1, moment_ms=NOON, now_ms=NOON).action
    assert isinstance(moved, ShiftBy)
    assert NOON - 1 + moved.milliseconds == NOON
