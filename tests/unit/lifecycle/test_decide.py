"""What happens to a Simulation: every rule of the policy, and that they are asked in the right order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from simulation_core.clock import iso_ms, to_ms
from simulation_core.errors import SpecError
from simulation_core.ledger.values import Run, RunState, Status
from simulation_core.plan.feasibility import Advice, Demand
from simulation_core.plan.load import Load
from simulation_core.portals import Portal, Portals
from simulation_core.reasons import Reason
from simulation_core.spec import Source, parse_spec
from simulation_operator.lifecycle.actions import (
    Accept,
    Advise,
    Archive,
    Cancel,
    Delete,
    Expire,
    Hold,
    Look,
    Nothing,
    Plan,
    Refuse,
    Release,
    ResolveStart,
    Resume,
    RetryFailed,
    Suspend,
    UpdateChangeable,
    Verify,
    Wait,
)
from simulation_operator.lifecycle.decide import decide
from simulation_operator.lifecycle.observe import Observation
from simulation_operator.resource import ARCHIVE_FINALIZER, Key, Simulation
from simulation_operator.settings import ContentSources

UID = UUID("6f1c2a55-0000-4222-8333-444455556666")
KEY = Key("team", "launch", UID)
NOW_MS = to_ms(datetime(2026, 12, 1, 12, tzinfo=UTC))
SPEC = {"scenario": "B2B", "totalRecords": 200, "durationSeconds": 60}


def portal(**changes: Any) -> Portals:
    settings = {"name": "default", "allowed_namespaces": ("*",), **changes}
    return Portals({settings["name"]: Portal(**settings)})


def stored(spec: dict[str, Any]) -> dict[str, Any]:
    return {**spec, **parse_spec(spec).model_dump(mode="json", by_alias=True, exclude_none=True)}


RUN = Run(
    id=UID, namespace="team", name="launch", user_id=UID, status=Status.QUEUED, run_state=RunState.RUNNING, spec=stored(SPEC),
    scenario="B2B", portal="default", seed=1, plan_version=1, total_records=200, records_processed=0, records_failed=0, records_skipped=0,
    accepted_ms=0, start_ms=10_000, end_ms=70_000, shift_ms=0, reason=None, message=None, finished_ms=None, deleted_ms=None,
)  # fmt: skip


def seen(spec: dict[str, Any] | None = None, *, run: Run | None = RUN, **changes: Any) -> Observation:
    """An accepted, planned Simulation unless told otherwise."""
    wanted = SPEC if spec is None else {**SPEC, **spec}
    observation = Observation(
        key=KEY,
        simulation=Simulation(key=KEY, generation=1, spec=wanted),
        spec=parse_spec(wanted),
        absences=0,
        portals=portal(),
        now_ms=NOW_MS,
        run=run,
        planned=run is not None,
    )
    return replace(observation, **changes)


def new(spec: dict[str, Any] | None = None, **changes: Any) -> Observation:
    return seen(spec, run=None, **changes)


def test_a_new_simulation_is_accepted() -> None:
    action = decide(new()).action
    assert isinstance(action, Accept)
    assert 0 <= action.seed < 2**53


@pytest.mark.parametrize(
    ("asked", "sources", "written_by"),
    [
        ({}, ContentSources(), "Faker"),
        ({}, ContentSources(has_model=True, default=Source.OPENAI), "OpenAI"),
        ({}, ContentSources(has_model=True, default=Source.FAKER), "Faker"),
        ({"source": "Faker"}, ContentSources(has_model=True, default=Source.OPENAI), "Faker"),
        ({"source": "OpenAI"}, ContentSources(has_model=True), "OpenAI"),
    ],
    ids=str,
)
def test_who_writes_is_settled_at_acceptance(asked: dict[str, Any], sources: ContentSources, written_by: str) -> None:
    action = decide(new({"content": {**asked, "locale": "de_DE"}}, sources=sources)).action
    assert isinstance(action, Accept)
    assert action.spec.content.model_dump(exclude_none=True) == {"source": written_by, "locale": "de_DE"}


def test_a_simulation_that_wants_a_model_waits_for_one_and_says_what_to_do() -> None:
    decision = decide(new({"content": {"source": "OpenAI"}}))
    assert (decision.action, decision.reason) == (Wait(), Reason.MODEL_UNKNOWN)
    assert decision.message.startswith("spec.content.source: ")
    assert "model.name" in decision.message
    assert "source: Faker" in decision.message


def test_its_seed_is_the_specs_or_follows_from_the_uid() -> None:
    assert decide(new({"seed": 42})).action.seed == 42  # type: ignore[union-attr] # an Accept, as above
    assert decide(new()).action == decide(new()).action


def test_what_was_accepted_and_planned_is_left_alone() -> None:
    assert decide(seen()).action == Nothing()


def test_a_ledger_that_is_away_stops_everything_and_says_so() -> None:
    decision = decide(new(ledger_problem="Postgres can't be reached: refused"))
    assert (decision.action, decision.reason) == (Wait(), Reason.DATABASE_UNAVAILABLE)
    assert "refused" in decision.message


# refusals


def test_an_unknown_portal_waits_and_names_those_there_are() -> None:
    decision = decide(new({"portal": "nowhere"}))
    assert (decision.action, decision.reason) == (Wait(), Reason.PORTAL_UNKNOWN)
    assert "spec.portal" in decision.message
    assert "default" in decision.message


def without_duration(**spec: Any) -> Observation:
    wanted = {"scenario": "B2B", "totalRecords": 200, **spec}
    return replace(new(), simulation=Simulation(key=KEY, generation=1, spec=wanted), spec=parse_spec(wanted))


@pytest.mark.parametrize(
    "window",
    [
        {"endTime": "2026-12-01T12:00:00Z"},
        {"startTime": "2026-12-01T11:00:00Z", "endTime": "2026-12-01T11:30:00Z"},
        {"startTime": "2026-12-01T11:00:00Z", "durationSeconds": 3600},
    ],
)
def test_what_waits_for_a_portal_beyond_its_end_is_refused(window: dict[str, Any]) -> None:
    decision = decide(without_duration(**window, portal="elsewhere"))
    assert (decision.action, decision.reason) == (Refuse(), Reason.WINDOW_PASSED)
    assert "create a Simulation with a later end" in decision.message


@pytest.mark.parametrize(
    "window",
    [
        {"endTime": "2026-12-01T12:00:01Z"},
        {"startTime": "2026-12-01T11:00:01Z", "durationSeconds": 3600},
        {"durationSeconds": 1},
    ],
)
def test_what_waits_for_a_portal_before_its_end_waits_on(window: dict[str, Any]) -> None:
    assert decide(without_duration(**window, portal="elsewhere")).action == Wait()


def test_what_has_its_portal_is_judged_by_the_ledgers_clock_alone() -> None:
    assert isinstance(decide(without_duration(endTime="2026-12-01T11:00:00Z")).action, Accept)


def test_what_is_cancelled_while_it_waits_for_a_portal_is_accepted_only_to_end() -> None:
    assert isinstance(decide(new({"portal": "elsewhere", "cancel": True})).action, Accept)


def test_a_namespace_that_is_not_allowed_waits() -> None:
    decision = decide(new(portals=portal(allowed_namespaces=("other",))))
    assert (decision.action, decision.reason) == (Wait(), Reason.NAMESPACE_NOT_ALLOWED)
    assert "allowedNamespaces" in decision.message


@pytest.mark.parametrize(("limit", "waits"), [(199, True), (200, False), (None, False)])
def test_more_records_than_the_portal_allows_wait(limit: int | None, waits: bool) -> None:
    decision = decide(new(portals=portal(max_records_per_simulation=limit)))
    assert (decision.reason is Reason.TOO_MANY_RECORDS) is waits
    assert ("spec.totalRecords" in decision.message) is waits


def test_a_spec_that_cannot_be_carried_out_is_refused_with_the_field() -> None:
    decision = decide(replace(new(), spec=SpecError("spec.distribution.timeZone", "is unknown")))
    assert (decision.action, decision.reason) == (Refuse(), Reason.SPEC_INVALID)
    assert "spec.distribution.timeZone" in decision.message


def refused(**spec: Any) -> Simulation:
    moment = iso_ms(NOW_MS - 60_000)
    conditions = [
        {"type": "Accepted", "status": "False", "reason": "UserUnknown", "message": "spec.userId: unknown", "lastTransitionTime": moment},
        {"type": "Finished", "status": "True", "reason": "UserUnknown", "message": "spec.userId: unknown", "lastTransitionTime": moment},
    ]
    return Simulation(key=KEY, generation=2, spec={**SPEC, **spec}, status={"phase": "Failed", "conditions": conditions})


def test_what_was_refused_is_not_judged_again_and_says_the_same_of_what_was_changed_since() -> None:
    decision = decide(new(simulation=refused(ttlSecondsAfterFinished=61)))
    assert (decision.action, decision.reason, decision.message) == (Refuse(), Reason.USER_UNKNOWN, "spec.userId: unknown")


def test_what_was_refused_goes_when_its_time_is_over() -> None:
    assert decide(new(simulation=refused(ttlSecondsAfterFinished=60))).action == Expire()


def test_what_failed_and_is_not_in_the_ledger_is_left_as_it_is_shown() -> None:
    lost = Simulation(key=KEY, generation=1, spec=SPEC, status={"phase": "Failed"})
    assert decide(new(simulation=lost)).action == Nothing()


def test_a_portal_that_vanishes_later_does_not_undo_the_acceptance() -> None:
    assert decide(seen(portals=Portals({}))).action == Nothing()


# a run


def test_a_run_without_a_plan_is_planned() -> None:
    assert decide(seen(planned=False)).action == Plan(RUN)


LOAD = Load(calls=900, calls_per_ten_seconds=150, calls_per_day=900, batches_per_lead=75)
FITS_100 = Advice(
    portal_calls_per_ten_seconds=100, portal_calls_per_day=250_000, late_milliseconds=5_000, duration_seconds=90, end_time=None,
    tolerance_milliseconds=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("advice", "limit", "is_asked"),
    [(None, 100, True), (FITS_100, 100, False), (FITS_100, 110, True), (None, 150, False)],
    ids=["none yet", "known", "for other limits", "it fits"],
)
def test_advice_is_asked_for_where_a_plan_exceeds_the_limits_the_portal_has_now(advice: Advice | None, limit: int, is_asked: bool) -> None:
    portals = portal(calls_per_ten_seconds=limit)
    action = decide(seen(demand=Demand(load=LOAD, advice=advice), portals=portals)).action
    assert action == (Advise(RUN, LOAD, portals["default"]) if is_asked else Nothing())


@pytest.mark.parametrize("run", [replace(RUN, status=Status.COMPLETED), replace(RUN, run_state=RunState.DELETED)], ids=["ended", "deleted"])
def test_no_advice_is_asked_for_what_has_ended(run: Run) -> None:
    portals = portal(calls_per_ten_seconds=1)
    assert isinstance(decide(seen(demand=Demand(load=LOAD), portals=portals)).action, Advise)
    assert decide(seen(run=run, demand=Demand(load=LOAD), portals=portals)).action == Nothing()


def test_a_suspended_run_is_planned_too_once_it_has_a_start() -> None:
    run = replace(RUN, run_state=RunState.SUSPENDED, status=Status.SUSPENDED)
    assert isinstance(decide(seen({"suspend": True}, run=replace(run, spec=stored({**SPEC, "suspend": True})), planned=False)).action, Plan)


def test_suspend_resume_and_cancel_follow_the_spec() -> None:
    suspended = replace(RUN, run_state=RunState.SUSPENDED)
    assert decide(seen({"suspend": True})).action == Suspend()
    assert decide(seen(run=suspended)).action == Resume()
    assert decide(seen({"cancel": True})).action == Cancel()
    assert decide(seen({"cancel": True, "suspend": True}, run=suspended)).action == Cancel()


def test_the_first_resume_of_a_run_without_a_start_resolves_it() -> None:
    run = replace(RUN, run_state=RunState.SUSPENDED, start_ms=None)
    assert decide(seen(run=run)).action == ResolveStart()
    assert not isinstance(decide(seen({"suspend": True}, run=run, planned=False)).action, Plan)


def test_suspending_works_even_if_the_rest_of_the_spec_cannot_be_read() -> None:
    unreadable = replace(seen({"suspend": True}), spec=SpecError("spec.x", "is unknown"))
    assert decide(unreadable).action == Suspend()


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_what_has_ended_stays_ended(status: Status) -> None:
    ended = replace(RUN, status=status)
    assert decide(seen({"cancel": True, "suspend": True}, run=ended, planned=False)).action == Nothing()


def test_a_cancelled_run_is_never_resumed_or_planned() -> None:
    assert decide(seen(run=replace(RUN, run_state=RunState.CANCELLED), planned=False)).action == Nothing()


def test_a_changed_limit_of_retries_is_stored() -> None:
    action = decide(seen({"retries": {"limit": 9}})).action
    assert isinstance(action, UpdateChangeable)
    assert action.spec["retries"] == {"limit": 9}
    assert "totalRecords" not in action.spec


# gone


@pytest.mark.parametrize(("absences", "action"), [(0, Look()), (1, Look()), (2, Delete())])
def test_only_two_complete_lists_prove_that_it_is_gone(absences: int, action: object) -> None:
    assert decide(seen(simulation=None, spec=None, absences=absences)).action == action


def test_a_deletion_that_has_begun_cannot_be_taken_back() -> None:
    going = Simulation(key=KEY, generation=1, spec=SPEC, deleting=True)
    assert decide(seen(simulation=going)).action == Delete()


@pytest.mark.parametrize("run", [None, replace(RUN, deleted_ms=1), replace(RUN, run_state=RunState.DELETED)])
def test_what_is_gone_and_ended_needs_nothing(run: Run | None) -> None:
    assert decide(seen(run=run, simulation=None, spec=None, absences=5)).action == Nothing()


def test_what_was_changed_is_stored_before_a_resume_that_asks_for_it() -> None:
    suspended = replace(RUN, run_state=RunState.SUSPENDED, status=Status.SUSPENDED)
    changed = seen({"suspend": False, "missedRecords": "Skip"}, run=suspended)
    action = decide(changed).action
    assert isinstance(action, UpdateChangeable)
    assert action.spec["missedRecords"] == "Skip"
    stored_by_now = replace(suspended, spec=stored({**SPEC, "missedRecords": "Skip"}))
    assert decide(replace(changed, run=stored_by_now)).action == Resume()


@pytest.mark.parametrize("status", list(Status))
def test_what_failed_is_retried_once_a_token_whatever_became_of_the_run(status: Status) -> None:
    asked = Simulation(key=KEY, generation=1, spec=SPEC, retry_token="one")
    assert decide(seen(simulation=asked, run=replace(RUN, status=status))).action == RetryFailed("one")
    assert not isinstance(decide(seen(simulation=asked, run=replace(RUN, status=status, retry_token="one"))).action, RetryFailed)
    assert isinstance(decide(seen(simulation=asked, run=None)).action, Accept)


@pytest.mark.parametrize("status", list(Status))
def test_a_run_is_verified_once_a_token_when_it_has_ended(status: Status) -> None:
    asked = Simulation(key=KEY, generation=1, spec=SPEC, verify_token="one")
    run = replace(RUN, status=status)
    assert (decide(seen(simulation=asked, run=run)).action == Verify("one")) is status.terminal
    assert not isinstance(decide(seen(simulation=asked, run=run, verify_token="one")).action, Verify)


def held(policy: str = "Archive", *, finalizer: bool = True, deleting: bool = True) -> Simulation:
    finalizers = (ARCHIVE_FINALIZER,) if finalizer else ()
    return Simulation(key=KEY, generation=1, spec={**SPEC, "deletionPolicy": policy}, finalizers=finalizers, deleting=deleting)


@pytest.mark.parametrize("run", [None, RUN, replace(RUN, status=Status.COMPLETED)])
def test_only_what_is_to_be_archived_is_held(run: Run | None) -> None:
    assert decide(seen(run=run, simulation=held(finalizer=False, deleting=False))).action == Hold()
    assert decide(seen(run=run, simulation=held("Retain", deleting=False))).action == Release()
    for settled in (held(deleting=False), held("Retain", finalizer=False, deleting=False)):
        assert not isinstance(decide(seen(run=run, simulation=settled)).action, Hold | Release)


DELETED = replace(RUN, run_state=RunState.DELETED, deleted_ms=1)


@pytest.mark.parametrize(
    ("run", "archived", "action"),
    [
        (None, None, Release()),
        (RUN, None, Delete()),
        (replace(RUN, status=Status.COMPLETED), None, Delete()),
        (DELETED, None, Archive()),
        (DELETED, False, Nothing()),
        (DELETED, True, Release()),
    ],
)
def test_what_is_being_deleted_is_ended_then_archived_then_let_go(run: Run | None, archived: bool | None, action: object) -> None:
    assert decide(seen(run=run, archived=archived, simulation=held())).action == action


@pytest.mark.parametrize("archived", [None, False, True])
def test_retain_lets_it_go_at_any_moment(archived: bool | None) -> None:
    assert decide(seen(run=DELETED, archived=archived, simulation=held("Retain"))).action == Release()


def test_a_finalizer_removed_by_hand_ends_the_archiving_once_two_lists_prove_it() -> None:
    assert decide(seen(run=DELETED, archived=False, simulation=None, absences=1)).action == Look()
    assert decide(seen(run=DELETED, archived=False, simulation=None, absences=2)).action == Release()
    assert decide(seen(run=DELETED, archived=True, simulation=None, absences=2)).action == Nothing()


def test_nothing_is_decided_about_what_is_held_while_the_ledger_is_away() -> None:
    assert isinstance(decide(seen(run=None, ledger_problem="away", simulation=held())).action, Wait)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_its_time_after_the_end_is_counted_from_the_last_end(status: Status) -> None:
    ended = replace(RUN, status=status, finished_ms=NOW_MS - 60_000)
    assert decide(seen({"ttlSecondsAfterFinished": 60}, run=ended)).action == Expire()
    assert decide(seen({"ttlSecondsAfterFinished": 61}, run=ended)).action == Nothing()
    assert decide(seen(run=ended)).action == Nothing()
    reopened = replace(ended, status=Status.RUNNING, finished_ms=None)
    assert not isinstance(decide(seen({"ttlSecondsAfterFinished": 0}, run=reopened)).action, Expire)
