from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulation_sandbox.node.addresses import Addresses
from simulation_sandbox.node.history import History
from simulation_sandbox.node.node import wants_a_node
from simulation_sandbox.node.pod import BackOff, Phase, Policy, Running, State, Terminated, View, Waiting, may_run, phase
from simulation_sandbox.node.probes import Pace, Tally
from simulation_sandbox.node.status import Seen, pod_status
from simulation_sandbox.node.tokens import Issued

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
RUNS = Running(started_at=NOW)
WAITS = Waiting(reason="PodInitializing")


def ended(code: int, *, ran_seconds: float = 1) -> Terminated:
    return Terminated(exit_code=code, reason="", message="", started_at=NOW, finished_at=NOW + timedelta(seconds=ran_seconds))


def view(name: str, state: State, **fields: Any) -> View:
    return View(name=name, state=state, **fields)


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        (Policy.ALWAYS, 0, True),
        (Policy.ALWAYS, 1, True),
        (Policy.ON_FAILURE, 0, False),
        (Policy.ON_FAILURE, 1, True),
        (Policy.NEVER, 0, False),
        (Policy.NEVER, 1, False),
    ],
)
def test_the_policy_decides_about_restarts(policy: Policy, code: int, again: bool) -> None:
    assert policy.restarts(code) is again


def test_an_init_container_that_succeeded_is_done_under_every_policy() -> None:
    assert not any(policy.of_init_containers.restarts(0) for policy in Policy)
    assert not Policy.NEVER.of_init_containers.restarts(1)


def test_the_back_off_doubles_up_to_its_limit() -> None:
    back_off = BackOff(base_seconds=10, limit_seconds=300)
    assert [back_off.delay(ends) for ends in range(1, 9)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert back_off.delay(10_000) == 300


def test_a_long_life_makes_the_back_off_forget() -> None:
    history = History(policy=Policy.ALWAYS, back_off=BackOff(base_seconds=10, limit_seconds=300))
    assert [history.ends(ended(1)) for _ in range(3)] == [0, 10, 20]
    assert history.ends(ended(1, ran_seconds=600)) == 0


def test_init_containers_run_one_after_the_other_and_then_all_the_rest() -> None:
    mains = [view("a", WAITS), view("b", WAITS)]
    assert may_run([view("i", WAITS), view("j", WAITS)], mains) == ["i"]
    assert may_run([view("i", ended(0)), view("j", WAITS)], mains) == ["j"]
    assert may_run([view("i", ended(0)), view("j", ended(0))], mains) == ["a", "b"]
    assert may_run([view("i", ended(1))], mains) == []
    assert may_run([], [view("a", ended(0)), view("b", RUNS)]) == ["b"]


@pytest.mark.parametrize(
    ("inits", "mains", "expected"),
    [
        ([], [WAITS], Phase.PENDING),
        ([RUNS], [WAITS], Phase.PENDING),
        ([ended(1)], [WAITS], Phase.FAILED),
        ([ended(0)], [RUNS], Phase.RUNNING),
        ([], [RUNS, WAITS], Phase.PENDING),
        ([], [ended(0), RUNS], Phase.RUNNING),
        ([], [ended(0), ended(0)], Phase.SUCCEEDED),
        ([], [ended(0), ended(2)], Phase.FAILED),
    ],
)
def test_the_phase_follows_from_the_containers(inits: list[State], mains: list[State], expected: Phase) -> None:
    assert phase([view("i", state) for state in inits], [view("m", state) for state in mains]) is expected


def test_a_container_in_back_off_is_a_running_pod() -> None:
    assert phase([], [view("m", WAITS, last=ended(1))]) is Phase.RUNNING


def seen(*mains: View, earlier: dict[str, Any] | None = None, now: datetime = NOW, conditions: Any = ()) -> Seen:
    pod = {"metadata": {"generation": 3}, "spec": {}, "status": {"conditions": list(conditions)}}
    return Seen(pod=pod, earlier=earlier or {}, inits=[], mains=list(mains), address="127.1.2.3", now=now)


def transition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    found = next(each for each in status["conditions"] if each["type"] == kind)
    return found["status"], found["lastTransitionTime"]


def test_transition_times_move_only_with_their_condition() -> None:
    first = pod_status(seen(view("m", RUNS)))
    later = NOW + timedelta(minutes=1)
    second = pod_status(seen(view("m", RUNS, ready=True), earlier=first, now=later))
    assert transition(first, "Ready") == ("False", "2026-12-01T08:00:00Z")
    assert transition(second, "Ready") == ("True", "2026-12-01T08:01:00Z")
    assert transition(second, "Initialized") == ("True", "2026-12-01T08:00:00Z")
    assert second["startTime"] == first["startTime"]
    assert pod_status(seen(view("m", RUNS, ready=True), earlier=second, now=later + timedelta(hours=1))) == second


def test_conditions_of_others_are_kept() -> None:
    foreign = {"type": "DisruptionTarget", "status": "True"}
    assert foreign in pod_status(seen(view("m", RUNS), conditions=[foreign]))["conditions"]


def test_a_readiness_gate_holds_ready_but_not_the_containers() -> None:
    looked = seen(view("m", RUNS, ready=True))
    looked.pod["spec"]["readinessGates"] = [{"conditionType": "mine"}]
    status = pod_status(looked)
    assert (transition(status, "Ready")[0], transition(status, "ContainersReady")[0]) == ("False", "True")


def test_a_verdict_needs_enough_answers_in_a_row() -> None:
    pace = Pace.of({"failureThreshold": 3, "successThreshold": 2})
    tally = Tally(pace)
    answers = [True, True, False, False, True, False, False, False, True, True]
    assert [tally.verdict(ok=answer) for answer in answers] == [None, True, None, None, None, None, None, False, None, True]


def test_addresses_are_stable_distinct_and_free_again() -> None:
    addresses = Addresses()
    given = {uid: addresses.take(uid) for uid in map(str, range(1000))}
    assert len(set(given.values())) == 1000
    assert addresses.take("0") == given["0"]
    assert addresses.take("new", given["0"]) != given["0"]
    addresses.give_back("1")
    assert addresses.take("newer", given["1"]) == given["1"]
    assert not any(address.endswith((".0", ".255")) for address in given.values())


def test_a_token_is_renewed_after_its_share_of_life() -> None:
    issued = Issued(token="t", issued_seconds=1000, expires_seconds=2000)
    assert not issued.due(1799, refresh_percent=80)
    assert issued.due(1800, refresh_percent=80)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, True),
        ({"nodeSelector": {"a": "1"}}, True),
        ({"nodeSelector": {"a": "2"}}, False),
        ({"nodeName": "other"}, False),
        ({"schedulerName": "mine"}, False),
        ({"schedulingGates": [{"name": "wait"}]}, False),
    ],
)
def test_only_pods_that_want_a_node_like_ours_are_bound(spec: dict[str, Any], wanted: bool) -> None:
    assert wants_a_node({"metadata": {}, "spec": spec}, {"a": "1"}) is wanted
