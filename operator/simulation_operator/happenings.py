"""The story `kubectl describe` tells: what happened between one status and the next. Pure; a restart tells nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulation_core.clock import to_ms
from simulation_core.durations import in_words
from simulation_core.reasons import Reason
from simulation_operator.conditions import find
from simulation_operator.status import waits_for

Status = Mapping[str, Any]

_LIVE = {"Planning", "Queued", "Running"}
_BEGUN = {"Suspended", "Completed", "Failed"}  # from which a run goes on: by resuming it, by retrying what failed


@dataclass(frozen=True)
class Happening:
    reason: str
    message: str
    warning: bool = False


def happenings(before: Status, after: Status, *, asked_for: Mapping[str, Any] | None = None) -> list[Happening]:
    """In the order in which a person would tell them.

    `asked_for`: the spec. Its startTime is the start that a status from before the first one would have shown.
    """
    if "startTime" not in before and asked_for is not None and "startTime" in asked_for:
        before = {**before, "startTime": asked_for["startTime"]}
    return [happening for rule in _RULES for happening in rule(before, after)]


def accepted(before: Status, after: Status) -> Iterator[Happening]:
    if _turned_true("Accepted", before, after):
        yield Happening(Reason.ACCEPTED, f"{after.get('totalRecords')} records accepted; from now on the spec is frozen")


def planned(before: Status, after: Status) -> Iterator[Happening]:
    if "timeline" in after and "timeline" not in before:
        window = f"{after.get('startTime')} to {after.get('endTime')}"
        yield Happening(Reason.PLANNED, f"Planned from {window}, at most {after.get('peakRecordsPerMinute')} records a minute")


def infeasible(before: Status, after: Status) -> Iterator[Happening]:
    feasible = find(after, "Feasible")
    if feasible.get("status") == "False" != find(before, "Feasible").get("status"):
        yield Happening(Reason.EXCEEDS_LIMITS, feasible.get("message", ""), warning=True)


def suspended(before: Status, after: Status) -> Iterator[Happening]:
    if _reached("Suspended", before, after):
        yield Happening(Reason.SUSPENDED, after["message"])


def resumed(before: Status, after: Status) -> Iterator[Happening]:
    if before.get("phase") == "Suspended" and after.get("phase") in _LIVE:
        yield Happening(Reason.RESUMED, Reason.RESUMED.meaning)


def started(before: Status, after: Status) -> Iterator[Happening]:
    if _reached("Running", before, after) and before.get("phase") not in _BEGUN:
        yield Happening(Reason.STARTED, Reason.STARTED.meaning)


def waits(before: Status, after: Status) -> Iterator[Happening]:
    reason = waits_for(after)
    if reason is not None and reason != waits_for(before):
        yield Happening(reason, find(after, "Progressing").get("message", reason), warning=True)


def late(before: Status, after: Status) -> Iterator[Happening]:
    if _is_late(after) and not _is_late(before):
        yield Happening(Reason.RECORDS_LATE, find(after, "Progressing").get("message", ""), warning=True)


def records_failed(before: Status, after: Status) -> Iterator[Happening]:
    failed = after.get("recordsFailed", 0)
    tried_again = after.get("retriedRecords", 0) if _retried(before, after) else 0
    if failed > before.get("recordsFailed", 0) - tried_again:
        last = f"; the last one: {after['failures'][0]['message']}" if after.get("failures") else ""
        yield Happening(Reason.RECORDS_FAILED, f"{failed} records have failed so far{last}", warning=True)


def retried(before: Status, after: Status) -> Iterator[Happening]:
    if not _retried(before, after):
        return
    if records := after.get("retriedRecords", 0):
        yield Happening(Reason.RETRYING_FAILED, f"{records} failed records are tried again")
    elif after.get("phase") == "Cancelled":
        yield Happening(Reason.NOTHING_TO_RETRY, "A cancelled run has ended for good: no record is tried again")
    else:
        yield Happening(Reason.NOTHING_TO_RETRY, Reason.NOTHING_TO_RETRY.meaning)


def verified(before: Status, after: Status) -> Iterator[Happening]:
    if after.get("verification", {}).get("time") == before.get("verification", {}).get("time"):
        return
    condition = find(after, "Verified")
    yield Happening(condition["reason"], condition.get("message", ""), warning=condition["status"] == "False")


def archived(before: Status, after: Status) -> Iterator[Happening]:
    condition = find(after, "Archived")
    if condition and condition["reason"] != find(before, "Archived").get("reason"):
        expected = {Reason.ARCHIVING, Reason.ARCHIVED, Reason.DRAINING}
        yield Happening(condition["reason"], condition.get("message", ""), warning=condition["reason"] not in expected)


def shifted(before: Status, after: Status) -> Iterator[Happening]:
    """Once a Simulation has a start, nothing else moves it."""
    if before.get("startTime") and after.get("startTime") and (by_ms := _moment_ms(after) - _moment_ms(before)) > 0:
        message = f"Records were missed: the plan was moved by {in_words(by_ms)} and ends at {after.get('endTime')}"
        yield Happening(Reason.SHIFTED, message)


def records_skipped(before: Status, after: Status) -> Iterator[Happening]:
    skipped = after.get("recordsSkipped", 0)
    if skipped > before.get("recordsSkipped", 0):
        yield Happening(Reason.RECORDS_SKIPPED, f"{skipped} records that were missed were skipped so far")


def ended(before: Status, after: Status) -> Iterator[Happening]:
    if _turned_true("Finished", before, after):
        finished = find(after, "Finished")
        yield Happening(finished["reason"], finished.get("message", ""), warning=after.get("phase") == "Failed")


_RULES: tuple[Callable[[Status, Status], Iterator[Happening]], ...] = (
    accepted,
    planned,
    infeasible,
    resumed,
    started,
    suspended,
    waits,
    shifted,
    records_skipped,
    late,
    retried,
    records_failed,
    ended,
    verified,
    archived,
)


def _retried(before: Status, after: Status) -> bool:
    return bool(after.get("handledRetryToken") != before.get("handledRetryToken"))


def _moment_ms(status: Status) -> int:
    return to_ms(datetime.fromisoformat(status["startTime"]))


def _is_late(status: Status) -> bool:
    return find(status, "Progressing").get("reason") == Reason.RECORDS_LATE


def _reached(phase: str, before: Status, after: Status) -> bool:
    return after.get("phase") == phase != before.get("phase")


def _turned_true(type_: str, before: Status, after: Status) -> bool:
    return find(after, type_).get("status") == "True" != find(before, type_).get("status")
