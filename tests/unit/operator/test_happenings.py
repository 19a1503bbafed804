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


def test_a_retry_is_told_with_its_number_or_that_it_found_nothing() -> None:
    before = status("Failed", failed=3)
    after = {**status("Running", failed=0), "handledRetryToken": "one", "retriedRecords": 3}
    assert told(before, after) == ["RetryingFailed"]
    assert any("3 failed records" in happening.message for happening in happenings(before, after))
    assert told(after, {**after, "handledRetryToken": "two", "retriedRecords": 0}) == ["NothingToRetry"]


def test_what_failed_again_before_the_retry_was_shown_is_told_as_well() -> None:
    before = status("Failed", failed=3)
    after = {**status("Failed", failed=3), "handledRetryToken": "one", "retriedRecords": 3}
    assert told(before, after) == ["RetryingFailed", "RecordsFailed"]


def test_a_cancelled_run_says_why_nothing_is_tried_again() -> None:
    before = status("Cancelled", failed=3)
    [nothing] = happenings(before, {**before, "handledRetryToken": "one", "retriedRecords": 0})
    assert (nothing.reason, "cancelled" in nothing.message) == ("NothingToRetry", True)


def test_failures_and_waiting_are_warnings() -> None:
    assert all(happening.warning for happening in happenings(status("Running"), status("Failed", failed=3)))
    assert not any(happening.warning for happening in happenings(status("Running"), status("Completed")))


def test_a_merge_patch_removes_what_is_gone_and_replaces_lists_whole() -> None:
    before = {"phase": "Running", "nextRecordTime": "t", "conditions": [1, 2], "lateness": {"p50Milliseconds": 1, "old": 2}}
    after = {"phase": "Completed", "conditions": [3], "lateness": {"p50Milliseconds": 4}}
    assert merge_patch(before, after) == {
        "phase": "Completed", "nextRecordTime": None, "conditions": [3], "lateness": {"p50Milliseconds": 4, "old": None},
    }  # fmt: skip


def test_a_merge_patch_leaves_out_what_is_there_already() -> None:
    before = {"phase": "Running", "conditions": [1, 2], "lateness": {"p50Milliseconds": 1, "p99Milliseconds": 2}, "portal": {"name": "a"}}
    after = {**before, "recordsProcessed": 0, "lateness": {"p50Milliseconds": 1, "p99Milliseconds": 3}}
    assert merge_patch(before, after) == {"recordsProcessed": 0, "lateness": {"p99Milliseconds": 3}}


def test_falling_behind_is_a_warning_told_once() -> None:
    def progressing(reason: str) -> dict[str, Any]:
        return {"phase": "Running", "conditions": [{"type": "Progressing", "status": "True", "reason": reason, "message": "behind"}]}

    [late] = happenings(progressing("Running"), progressing("RecordsLate"))
    assert (late.reason, late.warning) == ("RecordsLate", True)
    assert happenings(progressing("RecordsLate"), progressing("RecordsLate")) == []


def test_a_shift_is_told_with_its_length_and_the_new_end() -> None:
    before = {"startTime": "2026-12-01T08:00:00.000Z", "endTime": "2026-12-01T09:00:00.000Z"}
    after = {"startTime": "2026-12-01T08:12:03.500Z", "endTime": "2026-12-01T09:12:03.500Z"}
    [shifted] = happenings(before, after)
    assert (shifted.reason, shifted.warning) == ("Shifted", False)
    assert shifted.message == "Records were missed: the plan was moved by 12 min 3 s and ends at 2026-12-01T09:12:03.500Z"
    assert happenings(after, after) == []


def test_a_start_in_the_past_is_told_as_a_shift_from_the_start_that_was_asked_for() -> None:
    after = {"startTime": "2026-12-01T08:00:00.000Z", "endTime": "2026-12-01T09:00:00.000Z"}
    [shifted] = happenings({}, after, asked_for={"startTime": "2026-12-01T08:00:00+01:00"})
    assert "was moved by 1 h and" in shifted.message
    assert happenings({}, after, asked_for={"startTime": "2026-12-01T09:00:00+01:00"}) == []
    assert happenings({}, after, asked_for={}) == []


def test_skipped_records_are_told_as_one_number() -> None:
    [skipped] = happenings({"recordsSkipped": 3}, {"recordsSkipped": 40})
    assert (skipped.reason, skipped.message) == ("RecordsSkipped", "40 records that were missed were skipped so far")
    assert happenings({"recordsSkipped": 40}, {"recordsSkipped": 40}) == []


def test_a_plan_beyond_its_portals_limits_is_told_once() -> None:
    def feasible(status: str) -> dict[str, Any]:
        return {"conditions": [{"type": "Feasible", "status": status, "reason": "ExceedsLimits", "message": "570 calls, and it has 190"}]}

    [told] = happenings({}, feasible("False"))
    assert (told.reason, told.message, told.warning) == ("ExceedsLimits", "570 calls, and it has 190", True)
    assert happenings(feasible("False"), feasible("False")) == []
    assert happenings({}, feasible("True")) == []
