"""What each verb asks of a Simulation in each state, and what can be waited for. No cluster."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from simulation_cli import options
from simulation_cli.exits import CalledWronglyError
from simulation_cli.goals import NAMES, Outlook, goal_named, goal_of
from simulation_cli.resource import RETRY_FAILED, VERIFY, ClusterSimulation
from simulation_cli.verbs import Already, Ask, Refuse, Verb, answer


def a_simulation(phase: str | None = "Running", *, generation: int = 1, observed: int = 1, **changes: Any) -> ClusterSimulation:
    conditions = {
        "Suspended": phase == "Suspended",
        "Complete": phase == "Completed",
        "Failed": phase == "Failed",
        "Finished": phase in {"Completed", "Failed", "Cancelled"},
    }
    shown = [{"type": name, "status": str(holds), "observedGeneration": observed} for name, holds in conditions.items()]
    status = {} if phase is None else {"phase": phase, "conditions": shown, "observedGeneration": observed}
    return ClusterSimulation(
        namespace="marketing",
        name="launch",
        uid=UUID(int=7),
        spec=changes.pop("spec", {}),
        status=status | changes.pop("status", {}),
        generation=generation,
        **changes,
    )


@pytest.mark.parametrize(
    ("verb", "simulation", "asked"),
    [
        (Verb.SUSPEND, a_simulation(), {"spec": {"suspend": True}}),
        (Verb.SUSPEND, a_simulation(None), {"spec": {"suspend": True}}),
        (Verb.RESUME, a_simulation("Suspended", spec={"suspend": True}), {"spec": {"suspend": False}}),
        (Verb.CANCEL, a_simulation("Suspended", spec={"suspend": True}), {"spec": {"cancel": True}}),
        (Verb.RETRY, a_simulation("Failed", status={"recordsFailed": 2}), {"metadata": {"annotations": {RETRY_FAILED: "t"}}}),
        (Verb.VERIFY, a_simulation("Completed", status={"recordsProcessed": 2}), {"metadata": {"annotations": {VERIFY: "t"}}}),
    ],
)
def test_what_is_patched(verb: Verb, simulation: ClusterSimulation, asked: dict[str, Any]) -> None:
    decided = answer(verb, simulation, token="t")
    assert isinstance(decided, Ask)
    assert decided.changes == asked


@pytest.mark.parametrize(
    ("verb", "simulation"),
    [
        (Verb.SUSPEND, a_simulation("Suspended", spec={"suspend": True})),
        (Verb.RESUME, a_simulation(spec={"suspend": False})),
        (Verb.CANCEL, a_simulation("Cancelled", spec={"cancel": True})),
        (Verb.CANCEL, a_simulation(spec={"cancel": True})),
        (Verb.RETRY, a_simulation("Failed", annotations={RETRY_FAILED: "old"}, status={"recordsFailed": 2})),
        (Verb.VERIFY, a_simulation(annotations={VERIFY: "old"}, status={"recordsProcessed": 2})),
    ],
)
def test_what_is_so_already(verb: Verb, simulation: ClusterSimulation) -> None:
    assert isinstance(answer(verb, simulation, token="t"), Already)


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize(
    "simulation", [a_simulation(deleting=True), a_simulation("Completed", spec={"suspend": True}), a_simulation(spec={"cancel": True})]
)
def test_what_is_over_or_going_is_refused_or_as_asked(verb: Verb, simulation: ClusterSimulation) -> None:
    assert not isinstance(answer(verb, simulation, token="t"), Ask)
    if simulation.deleting:
        assert answer(verb, simulation, token="t") == Refuse("is being deleted")


def test_a_token_that_was_acted_on_can_be_followed_by_another() -> None:
    done = a_simulation("Failed", annotations={RETRY_FAILED: "old"}, status={"recordsFailed": 2, "handledRetryToken": "old"})
    assert isinstance(answer(Verb.RETRY, done, token="new"), Ask)


def test_a_cancelled_run_can_not_be_retried_but_verified() -> None:
    cancelled = a_simulation("Cancelled", spec={"cancel": True}, status={"recordsFailed": 2, "recordsProcessed": 1})
    assert isinstance(answer(Verb.RETRY, cancelled, token="t"), Refuse)
    assert isinstance(answer(Verb.VERIFY, cancelled, token="t"), Ask)


@pytest.mark.parametrize(
    ("goal", "simulation", "outlook"),
    [
        ("Complete", a_simulation(), Outlook.OPEN),
        ("Complete", a_simulation("Completed"), Outlook.REACHED),
        ("condition=complete", a_simulation("Failed"), Outlook.MISSED),
        ("Finished", a_simulation("Failed"), Outlook.REACHED),
        ("Failed", a_simulation("Failed"), Outlook.REACHED),
        ("Failed", a_simulation("Cancelled"), Outlook.MISSED),
        ("Suspended", a_simulation("Suspended", generation=2), Outlook.OPEN),  # of an earlier spec
        ("Running", a_simulation(), Outlook.REACHED),
        ("Running", a_simulation(generation=2), Outlook.OPEN),
        ("Running", a_simulation(None), Outlook.OPEN),
        ("Verified", a_simulation(), Outlook.OPEN),  # somebody may still ask
        ("Verified", a_simulation("Completed"), Outlook.MISSED),
        ("Verified", a_simulation("Completed", annotations={VERIFY: "asked"}), Outlook.OPEN),
        ("Verified", a_simulation("Failed", annotations={RETRY_FAILED: "asked"}), Outlook.OPEN),
        ("Progressing", a_simulation(), Outlook.OPEN),
        ("Progressing", a_simulation("Cancelled"), Outlook.MISSED),
        ("delete", a_simulation("Completed", deleting=True), Outlook.OPEN),
    ],
)
def test_where_a_goal_stands(goal: str, simulation: ClusterSimulation, outlook: Outlook) -> None:
    assert goal_named(goal).outlook(simulation) is outlook


def test_a_retry_that_was_asked_for_opens_the_end_again() -> None:
    asked = a_simulation("Failed", annotations={RETRY_FAILED: "new"}, status={"handledRetryToken": "old"})
    assert [goal_named(name).outlook(asked) for name in ("Complete", "Failed", "Finished")] == [Outlook.OPEN] * 3


def test_what_nobody_asked_to_verify_says_how_to() -> None:
    assert "kubectl simulation verify launch --wait" in goal_named("Verified").said(a_simulation("Completed"))


def unaccepted(reason: str, phase: str = "Planning", **changes: Any) -> ClusterSimulation:
    generation, observed = changes.pop("generation", 2), changes.pop("observed", 2)
    shown = [{"type": name, "status": "False", "reason": reason, "observedGeneration": observed} for name in ("Accepted", "Suspended")]
    status = {"conditions": shown, "message": "Ask for it."}
    return a_simulation(phase, generation=generation, observed=observed, status=status, **changes)


@pytest.mark.parametrize(
    ("simulation", "outlook"),
    [
        (unaccepted("PortalUnknown", spec={"suspend": True}), Outlook.REACHED),
        (unaccepted("ModelUnknown", spec={"suspend": True}), Outlook.REACHED),
        (unaccepted("PortalUnknown", spec={"suspend": True}, observed=1), Outlook.OPEN),  # the operator may not know of it yet
        (unaccepted("PortalUnknown", spec={"suspend": False}), Outlook.OPEN),
        (unaccepted("DatabaseUnavailable", spec={"suspend": True}), Outlook.OPEN),  # there may be a run
        (unaccepted("SpecInvalid", "Failed", spec={"suspend": True}), Outlook.MISSED),
    ],
)
def test_what_waits_to_be_accepted_has_nothing_to_stop(simulation: ClusterSimulation, outlook: Outlook) -> None:
    goal = goal_of(Verb.SUSPEND, simulation)
    assert (goal.outlook(simulation), goal_named("Suspended").outlook(simulation)) == (outlook, outlook)
    assert ("nothing to stop, and nothing begins before it is resumed. Ask for it." in goal.said(simulation)) is (
        outlook is Outlook.REACHED
    )


@pytest.mark.parametrize("annotation", [RETRY_FAILED, VERIFY])
def test_what_is_asked_of_a_refused_one_is_waited_for_by_nobody(annotation: str) -> None:
    refused = unaccepted("SpecInvalid", "Failed", annotations={annotation: "asked"})
    assert (refused.ended, refused.pending(annotation)) == (True, None)
    assert [goal_named(name).outlook(refused) for name in ("Complete", "Verified")] == [Outlook.MISSED] * 2


def verified(status: str, reason: str, **changes: Any) -> ClusterSimulation:
    condition = {"type": "Verified", "status": status, "reason": reason, "message": f"{reason} it says."}
    return a_simulation("Completed", status={"conditions": [condition], "handledVerifyToken": "mine"}, **changes)


@pytest.mark.parametrize(
    ("simulation", "outlook"),
    [
        (verified("True", "Verified", annotations={VERIFY: "mine"}), Outlook.REACHED),
        (verified("False", "DifferencesFound", annotations={VERIFY: "mine"}), Outlook.MISSED),
        (verified("False", "Verifying", annotations={VERIFY: "mine"}), Outlook.OPEN),
        (verified("True", "Verified", annotations={VERIFY: "newer"}), Outlook.OPEN),
        (verified("False", "DifferencesFound", annotations={VERIFY: "newer"}), Outlook.OPEN),
    ],
)
def test_waiting_for_a_comparison_ends_with_its_answer(simulation: ClusterSimulation, outlook: Outlook) -> None:
    goal = goal_of(Verb.VERIFY, simulation)
    assert (goal.outlook(simulation), goal_named("Verified").outlook(simulation)) == (outlook, outlook)
    assert goal.said(simulation).endswith("it says.")


def test_waiting_for_a_retry_ends_when_the_token_was_acted_on() -> None:
    asked = a_simulation("Failed", annotations={RETRY_FAILED: "mine"})
    goal = goal_of(Verb.RETRY, asked)
    assert goal.outlook(asked) is Outlook.OPEN
    assert goal.outlook(a_simulation(annotations={RETRY_FAILED: "mine"}, status={"handledRetryToken": "mine"})) is Outlook.REACHED
    assert goal.outlook(a_simulation(annotations={RETRY_FAILED: "theirs"})) is Outlook.MISSED


@pytest.mark.parametrize("now", [a_simulation("Queued"), a_simulation("Completed")])
def test_waiting_for_a_resume_ends_when_it_is_suspended_no_more(now: ClusterSimulation) -> None:
    goal = goal_of(Verb.RESUME, now)
    assert goal.outlook(now) is Outlook.REACHED
    assert goal.outlook(a_simulation("Suspended")) is Outlook.OPEN


def test_a_goal_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(CalledWronglyError, match=f"choose one of {', '.join(NAMES)}"):
        goal_named("Done")


def test_waiting_for_an_archiving_is_waiting_for_the_deletion() -> None:
    with pytest.raises(CalledWronglyError, match="Wait --for delete"):
        goal_named("Archived")


@pytest.mark.parametrize(("written", "seconds"), [("90", 90), ("0.5s", 0.5), ("5m", 300), ("1h30m", 5400), ("2d", 172800), (None, None)])
def test_durations(written: str | None, seconds: float | None) -> None:
    assert options.seconds(written) == seconds


@pytest.mark.parametrize("written", ["", "soon", "5 m", "-1", "m5"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(CalledWronglyError, match="90s, 5m, 1h30m"):
        options.seconds(written)
