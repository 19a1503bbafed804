"""The last records of a run may be counted a moment before its timeline has them; its end is shown with both."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from simulation_core.clock import now_ms
from simulation_core.ledger.values import Run, RunState, Status
from simulation_operator.progress import FOLDED_WITHIN_MS, is_being_folded

UID = UUID(int=1)
RUN = Run(
    id=UID, namespace="team", name="launch", user_id=UID, status=Status.COMPLETED, run_state=RunState.RUNNING, spec={}, scenario="B2B",
    portal="default", seed=1, plan_version=1, total_records=3, records_processed=2, records_failed=1, records_skipped=0, accepted_ms=0,
    start_ms=0, end_ms=60_000, shift_ms=0, reason=None, message=None, finished_ms=None, deleted_ms=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "ended_ago_ms", "folded", "waits"),
    [
        (Status.COMPLETED, 100, 1, True),
        (Status.COMPLETED, 100, 2, False),
        (Status.RUNNING, 100, 1, False),
        (Status.COMPLETED, FOLDED_WITHIN_MS + 1000, 1, False),
    ],
    ids=["a delta is missing", "complete", "not at its end", "nobody is kept waiting for ever"],
)
def test_an_end_waits_until_its_last_deltas_are_folded(status: Status, ended_ago_ms: int, folded: int, waits: bool) -> None:
    assert is_being_folded(replace(RUN, status=status, finished_ms=now_ms() - ended_ago_ms), folded) is waits
