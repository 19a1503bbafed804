"""What the status shows of what was asked for after the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from simulation_core.ledger.values import ErrandState, Progress, Run, RunState, Status
from simulation_core.reasons import Reason
from simulation_operator import aftermath
from simulation_operator.conditions import Condition
from simulation_operator.resource import ARCHIVE_FINALIZER, Key, Simulation

UID = UUID("6f1c2a55-0000-4222-8333-444455556666")
RUN = Run(
    id=UID, namespace="team", name="launch", user_id=UID, status=Status.COMPLETED, run_state=RunState.RUNNING, spec={}, scenario="B2B",
    portal="default", seed=1, plan_version=1, total_records=3, records_processed=3, records_failed=0, records_skipped=0, accepted_ms=0,
    start_ms=0, end_ms=60_000, shift_ms=0, reason=None, message=None, finished_ms=70_000, deleted_ms=None,
)  # fmt: skip
PROGRESS = Progress(
    run=RUN, draining=0, next_due_ms=None, peak_per_minute=3, demand=None, objects={}, bucket_ms=1500, planned=[0] * 40,
    delivered=[0] * 40, lateness_p50_ms=None, lateness_p99_ms=None, failures=[],
)  # fmt: skip
SIMULATION = Simulation(key=Key("team", "launch", UID), generation=1, spec={}, verify_token="one")
WHOLE = {"expected": 3, "found": 3, "missing": 0, "surplus": 0}
STATE = ErrandState(token="one", done=False, progress={}, result=None, reason=None, message="", done_ms=None)


def of(kind: str, **changes: Any) -> Progress:
    return replace(PROGRESS, errands={kind: replace(STATE, **changes)})


def found(companies: dict[str, int] = WHOLE, *, settled: bool = True, **keys: list[str]) -> dict[str, Any]:
    result = {"companies": companies, "contacts": WHOLE, "missingKeys": [], "surplusKeys": [], "settled": settled, **keys}
    return {"done": True, "done_ms": 1_796_112_000_000, "result": result}


def condition(type_: str, progress: Progress, problem: tuple[Reason, str] | None = None) -> Condition | None:
    conditions = aftermath.conditions(SIMULATION, progress, problem)
    return next((each for each in conditions if each.type == type_), None)


@pytest.mark.parametrize(
    ("progress", "holds", "reason", "says"),
    [
        (of("verify"), False, Reason.VERIFYING, "compared"),
        (of("verify", reason="CredentialRejected", message="replace it"), False, Reason.CREDENTIAL_REJECTED, "replace it"),
        (of("verify", **found()), True, Reason.VERIFIED, "3 companies, 3 contacts"),
        (of("verify", **found({**WHOLE, "found": 1, "missing": 2, "surplus": 4})), False, Reason.DIFFERENCES_FOUND,
         "2 companies are missing, 4 companies are surplus"),
        (of("verify", **found(settled=False)), False, Reason.UNSETTLED, "verify again later"),
        (replace(of("verify", **found()), run=replace(RUN, status=Status.RUNNING, finished_ms=None)), False, Reason.OUT_OF_DATE, "again"),
        (replace(of("verify", **found()), run=replace(RUN, finished_ms=1_796_112_000_001)), False, Reason.OUT_OF_DATE, "again"),
        (replace(of("verify", **found() | {"result": {}}), run=replace(RUN, purged=True)), False, Reason.NO_LONGER_KNOWN, "Retention"),
        (replace(PROGRESS, run=replace(RUN, status=Status.RUNNING)), False, Reason.NOT_FINISHED, "still going on"),
    ],
)  # fmt: skip
def test_verification_is_a_condition_that_says_what_was_found(progress: Progress, holds: bool, reason: Reason, says: str) -> None:
    shown = condition("Verified", progress)
    assert shown is not None
    assert (shown.holds, shown.reason) == (holds, reason)
    assert says in shown.message


def test_what_nobody_asked_for_is_not_shown() -> None:
    assert aftermath.conditions(SIMULATION, PROGRESS, None) == []
    assert set(aftermath.fields(PROGRESS).values()) == {None}


def test_a_portal_that_is_not_served_is_why_it_does_not_come() -> None:
    shown = condition("Verified", of("verify"), (Reason.PORTAL_UNKNOWN, "add it again"))
    assert shown is not None
    assert (shown.reason, shown.message) == (Reason.PORTAL_UNKNOWN, "add it again")


def test_counts_and_first_keys_are_members_of_the_status() -> None:
    shown = aftermath.fields(of("verify", **found(missingKeys=["a"])))
    assert shown["handledVerifyToken"] == "one"
    assert shown["verification"] == {"time": "2026-12-01T08:00:00.000Z", "companies": WHOLE, "contacts": WHOLE, "missingKeys": ["a"]}


DELETED = replace(SIMULATION, verify_token="", deleting=True, finalizers=(ARCHIVE_FINALIZER,))


@pytest.mark.parametrize(
    ("progress", "problem", "holds", "reason", "says"),
    [
        (PROGRESS, None, False, Reason.ARCHIVING, "being archived"),
        (PROGRESS, (Reason.PORTAL_UNKNOWN, "ask for it."), False, Reason.PORTAL_UNKNOWN, "ask for it."),
        (of("archive", progress={"done": 3, "total": 9}), None, False, Reason.ARCHIVING, "3 of 9 objects"),
        (of("archive", progress={"done": 3, "total": 9}), (Reason.CREDENTIAL_REJECTED, "replace it."), False, Reason.CREDENTIAL_REJECTED,
         "3 of 9 objects are archived. replace it."),
        (of("archive", reason="Draining", message="Draining 1"), None, False, Reason.DRAINING, "Draining 1"),
        (of("archive", reason="Archiving", message="Once more."), None, False, Reason.ARCHIVING, "Once more."),
        (of("archive", reason="Archiving", message="Once more."), (Reason.CREDENTIAL_REJECTED, "replace it."), False,
         Reason.CREDENTIAL_REJECTED, "replace it."),
        (of("archive", reason="PortalUnavailable", message="It refuses."), (Reason.CREDENTIAL_REJECTED, "replace it."), False,
         Reason.PORTAL_UNAVAILABLE, "It refuses."),
        (of("archive", done=True, result={"done": 9, "total": 9}), None, True, Reason.ARCHIVED, "9 objects were archived"),
        (of("archive", done=True, result={"done": 9, "total": 9, "left": 2}), None, True, Reason.ARCHIVED, "2 that carry this run's id"),
    ],
)  # fmt: skip
def test_archiving_is_a_condition_that_says_how_far_it_is_and_how_to_let_go(
    progress: Progress, problem: tuple[Reason, str] | None, holds: bool, reason: Reason, says: str
) -> None:
    shown = aftermath.archived(DELETED, progress, problem)
    assert shown is not None
    assert (shown.holds, shown.reason) == (holds, reason)
    assert says in shown.message
    assert holds or "kubectl patch simulation launch" in shown.message


def test_archiving_is_shown_of_what_is_being_deleted_alone() -> None:
    assert aftermath.archived(replace(DELETED, deleting=False), PROGRESS, None) is None
    assert aftermath.archived(replace(DELETED, finalizers=()), PROGRESS, None) is None
    assert aftermath.fields(of("archive", progress={"done": 3, "total": 9}))["archived"] == {"done": 3, "total": 9}
