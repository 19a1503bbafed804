"""What a person sees: phases, conditions, progress and messages, from a run's progress and from what stands in its way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from simulation_core.ledger.values import ContentCounts, Failure, Progress, Run, RunState, Status
from simulation_core.plan.feasibility import Advice, Demand
from simulation_core.plan.load import Load
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_operator.conditions import find
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Verdict
from simulation_operator.setbacks import INTERNAL_ERROR
from simulation_operator.status import Problem, View, build, waits_for, while_database_is_away

UID = UUID("6f1c2a55-0000-4222-8333-444455556666")
START_MS = 1_796_112_000_000  # 2026-12-01T08:00:00Z
NOW_MS = START_MS + 30_000
RUN = Run(
    id=UID, namespace="team", name="launch", user_id=UID, status=Status.RUNNING, run_state=RunState.RUNNING,
    spec={"toleranceMilliseconds": 1000}, scenario="B2B",
    portal="default", seed=1, plan_version=1, total_records=200, records_processed=85, records_failed=0, records_skipped=0,
    accepted_ms=START_MS, start_ms=START_MS, end_ms=START_MS + 60_000, shift_ms=0, reason=None, message=None, finished_ms=None,
    deleted_ms=None,
)  # fmt: skip
PROGRESS = Progress(
    run=RUN, draining=0, next_due_ms=NOW_MS + 500, peak_per_minute=200,
    demand=Demand(load=Load(calls=180, calls_per_ten_seconds=30, calls_per_day=180, batches_per_lead=15)),
    objects={"companies": 200, "contacts": 200, "deals": 0},
    bucket_ms=1500, planned=[5] * 40, delivered=[5] * 17 + [0] * 23, lateness_p50_ms=210, lateness_p99_ms=940, failures=[],
)  # fmt: skip
SIMULATION = Simulation(key=Key("team", "launch", UID), generation=3, spec={"totalRecords": 200})
PORTAL = Portal(name="default", allowed_namespaces=("*",))
VIEW = View(simulation=SIMULATION, observed_generation=3, now_ms=NOW_MS, progress=PROGRESS, portal=PORTAL)


def view(*, draining: int = 0, problems: tuple[Problem, ...] = (), before: dict[str, Any] | None = None, **run: Any) -> View:
    """A run half-way through, unless told otherwise."""
    progress = replace(PROGRESS, run=replace(RUN, **run), draining=draining)
    return replace(VIEW, progress=progress, problems=problems, before=before or {})


def holds(status: dict[str, Any], type_: str) -> str | None:
    return find(status, type_).get("status")


def test_a_running_simulation_shows_all_of_it() -> None:
    status = build(VIEW)
    assert status["phase"] == "Running"
    assert status["progress"] == "42%"
    assert status["startTime"] == "2026-12-01T08:00:00.000Z"
    assert status["nextRecordTime"] == "2026-12-01T08:00:30Z"
    assert status["estimatedCompletionTime"] == "2026-12-01T08:01:00Z"
    assert status["objects"] == {"companies": 200, "contacts": 200, "deals": 0}
    assert status["lateness"] == {"p50Milliseconds": 210, "p99Milliseconds": 940}
    assert status["timeline"]["bucketMilliseconds"] == 1500
    assert len(status["timeline"]["planned"]) == len(status["timeline"]["delivered"]) == 40
    assert status["portal"] == {"name": "default"}
    assert [holds(status, type_) for type_ in ("Accepted", "Feasible", "Progressing", "Complete", "Failed", "Finished", "Suspended")] == [
        "True", "True", "True", "False", "False", "False", "False",
    ]  # fmt: skip
    assert all(condition["observedGeneration"] == 3 and condition["reason"] for condition in status["conditions"])


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_its_phase(status: Status) -> None:
    assert build(view(status=status))["phase"] == status.value.capitalize()


@pytest.mark.parametrize(
    ("processed", "status", "shown"),
    [
        (0, Status.RUNNING, "0%"),
        (1, Status.RUNNING, "0%"),
        (199, Status.RUNNING, "99%"),
        (200, Status.RUNNING, "99%"),
        (200, Status.COMPLETED, "100%"),
    ],
)
def test_progress_is_rounded_down_and_whole_only_at_the_end(processed: int, status: Status, shown: str) -> None:
    assert build(view(records_processed=processed, status=status))["progress"] == shown


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_finished_holds_in_every_terminal_phase(status: Status) -> None:
    shown = build(view(status=status, records_processed=200))
    assert holds(shown, "Finished") == "True"
    assert holds(shown, "Progressing") == "False"
    assert "nextRecordTime" not in shown
    assert "estimatedCompletionTime" not in shown
    assert waits_for(shown) is None


def test_a_failed_run_says_why() -> None:
    shown = build(view(status=Status.FAILED, reason="WindowPassed", message="The window ended yesterday."))
    assert find(shown, "Failed")["reason"] == "WindowPassed"
    assert shown["message"] == "The window ended yesterday."


def test_a_rejected_token_is_why_a_run_waits() -> None:
    shown = build(view(problems=(Problem(Reason.CREDENTIAL_REJECTED, "HubSpot refused the token: replace it."),)))
    assert find(shown, "Progressing")["reason"] == "CredentialRejected"
    assert shown["message"] == "HubSpot refused the token: replace it."
    assert waits_for(shown) == "CredentialRejected"
    assert shown["phase"] == "Running"


def test_a_warning_does_not_stop_a_run() -> None:
    shown = build(view(problems=(Problem(Reason.QUEUE_POLICY_UNSAFE, "Redis may evict jobs.", blocks=False),)))
    assert holds(shown, "Progressing") == "True"
    assert "Warning: Redis may evict jobs." in shown["message"]


def test_what_is_being_finished_is_said_until_nothing_is_left() -> None:
    draining = build(view(draining=3, run_state=RunState.SUSPENDED))
    assert find(draining, "Progressing")["reason"] == "Draining"
    assert "Draining 3" in draining["message"]
    assert holds(draining, "Suspended") == "False"
    assert holds(build(view(status=Status.SUSPENDED, run_state=RunState.SUSPENDED)), "Suspended") == "True"


def test_a_suspended_run_is_not_told_that_hubspot_is_away() -> None:
    shown = build(view(status=Status.SUSPENDED, run_state=RunState.SUSPENDED, problems=(Problem(Reason.CREDENTIAL_REJECTED, "refused"),)))
    assert find(shown, "Progressing")["reason"] == "Suspended"
    assert waits_for(shown) is None


def test_a_transition_time_moves_only_with_its_status() -> None:
    first = build(VIEW)
    later = build(replace(VIEW, now_ms=NOW_MS + 5_000, before=first))
    assert later == first
    ended = build(replace(view(status=Status.COMPLETED, records_processed=200, before=first), now_ms=NOW_MS + 60_000))
    assert find(ended, "Accepted")["lastTransitionTime"] == find(first, "Accepted")["lastTransitionTime"]
    assert find(ended, "Complete")["lastTransitionTime"] > find(first, "Complete")["lastTransitionTime"]


def test_conditions_of_later_parts_are_kept() -> None:
    verified = {"type": "Verified", "status": "True", "reason": "Equal", "message": "m", "lastTransitionTime": "2026-12-01T08:00:00Z"}
    assert find(build(view(before={"conditions": [verified]})), "Verified") == verified


def test_only_the_last_five_failures_are_shown() -> None:
    failures = [Failure(record=n, reason="RecordRejected", message="x" * 5000, correlation_id="c", time_ms=NOW_MS) for n in range(9)]
    shown = build(replace(VIEW, progress=replace(PROGRESS, failures=failures)))["failures"]
    assert [failure["record"] for failure in shown] == [4, 5, 6, 7, 8]
    assert all(len(failure["message"]) <= 2048 for failure in shown)


@pytest.mark.parametrize(("final", "phase"), [(False, "Planning"), (True, "Failed")])
def test_without_a_run_the_verdict_is_shown(final: bool, phase: str) -> None:
    verdict = Verdict(reason=Reason.PORTAL_UNKNOWN, message="spec.portal: 'x' is not configured", final=final)
    shown = build(replace(VIEW, progress=None, verdict=verdict))
    assert shown["phase"] == phase
    assert find(shown, "Accepted") | {"lastTransitionTime": ""} == {
        "type": "Accepted", "status": "False", "reason": "PortalUnknown", "message": verdict.message, "observedGeneration": 3,
        "lastTransitionTime": "",
    }  # fmt: skip
    assert holds(shown, "Finished") == str(final)
    assert waits_for(shown) == (None if final else "PortalUnknown")


@pytest.mark.parametrize("final", [False, True])
def test_what_is_asked_of_a_refused_simulation_counts_as_done_since_there_is_nothing_to_do_it_with(final: bool) -> None:
    verdict = Verdict(reason=Reason.USER_UNKNOWN, message="spec.userId: unknown", final=final)
    shown = build(replace(VIEW, simulation=replace(VIEW.simulation, retry_token="a", verify_token="b"), progress=None, verdict=verdict))
    assert (shown.get("handledRetryToken"), shown.get("handledVerifyToken")) == (("a", "b") if final else (None, None))


def test_an_absent_database_freezes_the_status_and_says_so_once() -> None:
    before = build(VIEW)
    away = while_database_is_away(replace(VIEW, before=before), "Postgres can't be reached")
    assert find(away, "Progressing")["reason"] == "DatabaseUnavailable"
    assert away["recordsProcessed"] == before["recordsProcessed"]
    assert while_database_is_away(replace(VIEW, before=away, now_ms=NOW_MS + 9_000), "Postgres can't be reached") == away
    assert find(build(replace(VIEW, before=away)), "Progressing")["status"] == "True"


def test_an_absent_database_is_shown_on_a_simulation_that_was_never_judged() -> None:
    away = while_database_is_away(replace(VIEW, progress=None), "Postgres can't be reached")
    assert find(away, "Accepted")["reason"] == "DatabaseUnavailable"
    assert away["phase"] == "Planning"


def test_a_plan_beyond_the_portals_limits_is_not_feasible() -> None:
    narrow = Portal(name="default", allowed_namespaces=("*",), calls_per_ten_seconds=2)
    shown = build(replace(VIEW, portal=narrow))
    assert find(shown, "Feasible")["reason"] == "ExceedsLimits"
    assert "need 30 calls, and portal 'default' has 2" in find(shown, "Feasible")["message"]


def test_a_plan_beyond_the_limits_is_expected_to_end_as_late_as_they_make_it() -> None:
    narrow = Portal(name="default", allowed_namespaces=("*",), calls_per_ten_seconds=2)
    advice = Advice(
        portal_calls_per_ten_seconds=2, portal_calls_per_day=narrow.calls_per_day, late_milliseconds=840_000, duration_seconds=900,
        end_time=None, tolerance_milliseconds=None,
    )  # fmt: skip
    demand = replace(PROGRESS.demand, advice=advice)
    shown = build(replace(VIEW, portal=narrow, progress=replace(PROGRESS, demand=demand)))
    assert shown["estimatedCompletionTime"] == "2026-12-01T08:15:00Z"
    assert build(replace(VIEW, progress=replace(PROGRESS, demand=demand)))["estimatedCompletionTime"] == "2026-12-01T08:01:00Z"


def test_what_was_skipped_is_said_while_the_run_goes_on() -> None:
    assert "3 records that were missed were skipped." in build(view(records_skipped=3))["message"]


def test_the_expected_end_of_a_late_run_does_not_change_with_every_look() -> None:
    late = replace(view(), now_ms=START_MS + 61_000)
    assert build(late)["estimatedCompletionTime"] == build(replace(late, now_ms=START_MS + 90_000))["estimatedCompletionTime"]


@pytest.mark.parametrize("run_state", [RunState.RUNNING, RunState.SUSPENDED])
def test_an_internal_error_is_shown_on_a_suspended_run_too(run_state: RunState) -> None:
    status = build(view(run_state=run_state, problems=(INTERNAL_ERROR,)))
    assert find(status, "Progressing")["reason"] == "InternalError"
    assert status["message"] == INTERNAL_ERROR.message


def test_what_passes_by_itself_is_shown_only_where_something_is_due() -> None:
    throttled = Problem(Reason.PORTAL_THROTTLED, "HubSpot's ten-second limit is reached.")
    tomorrow = replace(PROGRESS, next_due_ms=NOW_MS + 86_400_000)
    assert waits_for(build(replace(VIEW, progress=tomorrow, problems=(throttled,)))) is None
    assert waits_for(build(replace(VIEW, progress=replace(PROGRESS, next_due_ms=NOW_MS - 1), problems=(throttled,)))) == "PortalThrottled"


def test_what_somebody_must_mend_is_shown_before_anything_is_due() -> None:
    rejected = Problem(Reason.CREDENTIAL_REJECTED, "HubSpot refused the token.")
    tomorrow = replace(PROGRESS, next_due_ms=NOW_MS + 86_400_000)
    assert waits_for(build(replace(VIEW, progress=tomorrow, problems=(rejected,)))) == "CredentialRejected"


@pytest.mark.parametrize(
    ("late_ms", "reason", "said"),
    [(10_000, "Running", "planned moments"), (10_001, "RecordsLate", "10 seconds ago"), (400_000, "RecordsLate", "5 minutes ago")],
)
def test_a_run_that_is_behind_says_so_in_steps(late_ms: int, reason: str, said: str) -> None:
    shown = build(replace(VIEW, progress=replace(PROGRESS, next_due_ms=NOW_MS - late_ms)))
    assert find(shown, "Progressing")["reason"] == reason
    assert said in shown["message"]
    assert holds(shown, "Progressing") == "True"


def test_a_completed_run_says_how_late_it_was() -> None:
    ended = replace(PROGRESS, run=replace(RUN, status=Status.COMPLETED, records_processed=200))
    assert "late" not in build(replace(VIEW, progress=ended))["message"]
    assert "one in a hundred came 31 s late" in build(replace(VIEW, progress=replace(ended, lateness_p99_ms=31_723)))["message"]


def test_a_window_that_had_passed_was_never_accepted_nor_planned() -> None:
    passed = replace(RUN, status=Status.FAILED, reason="WindowPassed", message="The window ended yesterday.", records_processed=0)
    shown = build(replace(VIEW, progress=replace(PROGRESS, run=passed, planned=[0] * 40, demand=None)))
    assert holds(shown, "Accepted") == "False"
    assert "timeline" not in shown
    assert "Feasible" not in {condition["type"] for condition in shown["conditions"]}


def test_a_shift_moves_every_time_that_is_shown() -> None:
    status = build(view(shift_ms=723_000))
    assert (status["startTime"], status["endTime"]) == ("2026-12-01T08:12:03.000Z", "2026-12-01T08:13:03.000Z")
    assert status["timeline"]["startTime"] == status["startTime"]
    assert status["estimatedCompletionTime"] == "2026-12-01T08:13:03Z"
    assert status["message"].endswith("The plan was moved by 12 min 3 s, because records were missed.")


def test_what_was_skipped_is_counted_and_is_progress() -> None:
    status = build(view(records_skipped=15))
    assert (status["recordsSkipped"], status["progress"]) == (15, "50%")
    ended = build(view(status=Status.COMPLETED, records_processed=180, records_skipped=20))
    assert (ended["progress"], ended["message"]) == ("100%", "180 of 200 records were delivered; 20 were skipped.")


def test_what_a_model_and_faker_wrote_is_counted_where_content_is_stored() -> None:
    assert "content" not in build(VIEW)
    counted = replace(PROGRESS, content=ContentCounts(from_model=80, from_faker=5, tokens=4200))
    assert build(replace(VIEW, progress=counted))["content"] == {"fromModel": 80, "fromFaker": 5, "tokens": 4200}
