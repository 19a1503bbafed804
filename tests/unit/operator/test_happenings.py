"""What `kubectl describe` tells between two statuses, and the patch that leads from one to the other."""

from __future__ import annotations

from typing import Any

import pytest

from simulation_operator.happenings import happenings
from simulation_operator.status_writer import merge_patch


def status(phase: str, *, failed: int = 0, waits_for: str | None = None, timeline: bool = True) -> dict[str, Any]:
    ended = phase in {"Completed", "Failed", "Cancelled"}
    conditions = [
        {"type": "Accepted", "status": "True", "reason": "Accepted"},
        {"type": "Progressing", "status": "False" if waits_for or ended else "True", "reason": waits_for or phase, "message": "why"},
        {"type": "Finished", "status": str(ended), "reason": phase, "message": "how it ended"},
    ]
    shown = {"phase": phase, "conditions": conditions, "recordsFailed": failed, "totalRecords": 200, "message": "m"}
    return {**shown, "timeline": {}} if timeline else shown


def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [str(happening.reason) for happening in happenings(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "story"),
    [
        ({}, status("Planning", timeline=False), ["Accepted"]),
        ({}, status("Queued"), ["Accepted", "Planned"]),
        (status("Planning", timeline=False), status("Running"), ["Planned", "Started"]),
        (status("Queued"), status("Running"), ["Started"]),
        (status("Running"), status("Suspended", waits_for="Suspended"), ["Suspended"]),
        (status("Suspended", waits_for="Suspended"), status("Running"), ["Resumed"]),
        (status("Running"), status("Running", waits_for="CredentialRejected"), ["CredentialRejected"]),
        (status("Running", waits_for="CredentialRejected"), status("Running", waits_for="CredentialRejected"), []),
        (status("Running", failed=1), status("Running", failed=4), ["RecordsFailed"]),
        (status("Running"), status("Completed"), ["Completed"]),
        (status("Running"), status("Cancelled"), ["Cancelled"]),
        (status("Completed"), status("Completed"), []),
    ],
)
def test_what_happened_is_told_once(before: dict[str, Any], after: dict[str, Any], story: list[str]) -> None:
    assert told(before, after) == story


def test_failures_and_waiting_are_warnings() -> None:
    assert all(happening.warning for happening in happenings(status("Running"), status("Failed", failed=3)))
    assert not any(happening.warning for happening in happenings(status("Running"), status("Completed")))


def test_a_merge_patch_removes_what_is_gone_and_replaces_lists_whole() -> None:
    before = {"phase": "Running", "nextRecordTime": "t", "conditions": [1, 2], "lateness": {"p50Milliseconds": 1, "old": 2}}
    after = {"phase": "Completed", "conditions": [3], "lateness": {"p50Milliseconds": 4}}
    assert merge_patch(before, after) == {
        "phase": "Completed", "nextRecordTime": None, "conditions": [3], "lateness": {"p50Milliseconds": 4, "old": None},
    }  # fmt: skip


def test_falling_behind_is_a_warning_told_once() -> None:
    def progressing(reason: str) -> dict[str, Any]:
        return {"phase": "Running", "conditions": [{"type": "Progressing", "status": "True", "reason": reason, "message": "behind"}]}

    [late] = happenings(progressing("Running"), progressing("RecordsLate"))
    assert (late.reason, late.warning) == ("RecordsLate", True)
    assert happenings(progressing("RecordsLate"), progressing("RecordsLate")) == []
