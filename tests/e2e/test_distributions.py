"""Every method on the cluster, judged by the CRM; a plan beyond the portal's limits; and one that has no moment for its records."""

from __future__ import annotations

from typing import Any

import pytest

METHODS: dict[str, dict[str, Any]] = {
    "linear": {"method": "Linear"},
    "bell": {"method": "BellCurve"},
    "front": {"method": "FrontLoaded"},
    "back": {"method": "BackLoaded"},
    "bursts": {"method": "Bursts", "bursts": {"count": 2}},
    "trickle": {"method": "Trickle"},
    "random": {"method": "Random"},
    "spike": {"method": "DailySpike"},
    "weekend": {"method": "WeekendSurge", "timeZone": "Asia/Tokyo"},
    "custom": {"method": "Custom", "custom": {"points": [{"percent": 0, "weight": 0}, {"percent": 100, "weight": 1}]}},
    "hours": {
        "method": "BusinessHours",
        "timeZone": "America/New_York",
        "workingTime": {
            "days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
            "startHour": 0,
            "endHour": 24,
        },
    },
}


@pytest.fixture(scope="module")
def of_each_method(shared_runs: Any, simulation: Any) -> Any:
    """All at once; each is over after ten seconds and a start of ten."""
    for name, distribution in METHODS.items():
        shared_runs.apply(simulation(name, distribution=distribution, totalRecords=30, toleranceMilliseconds=500))
    return shared_runs


@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_delivered_as_it_was_planned(of_each_method: Any, name: str, condition_of: Any) -> None:
    status = of_each_method.until_phase(name, "Completed", within_seconds=90)["status"]
    assert condition_of(status, "Feasible")["status"] == "True"
    assert sum(status["timeline"]["planned"]) == 30
    proof = of_each_method.proof(name)
    assert (proof.faults, proof.early, proof.processed) == ([], 0, 30)


def test_what_exceeds_the_portals_limits_is_accepted_says_what_would_do_and_ends(runs: Any, simulation: Any, condition_of: Any) -> None:
    """300 calls of a record each within five seconds, and the portal has 190 in ten."""
    runs.apply(simulation(totalRecords=300, durationSeconds=5))

    def advised(status: Any) -> bool:
        return "Would do: durationSeconds:" in condition_of(status, "Feasible").get("message", "")

    feasible = condition_of(runs.until("run", "advice", advised, within_seconds=30)["status"], "Feasible")
    assert (feasible["status"], feasible["reason"]) == ("False", "ExceedsLimits")
    assert feasible["message"].startswith("The fullest ten seconds need 300 calls, and portal 'default' has ")
    assert "toleranceMilliseconds: " in feasible["message"]
    assert "calls in ten seconds" in feasible["message"]
    status = runs.until_phase("run", "Completed", within_seconds=90)["status"]
    assert (status["recordsProcessed"], status["recordsFailed"]) == (300, 0)
    assert runs.proof("run").faults == []


def test_a_window_without_working_time_fails_and_names_the_field(runs: Any, simulation: Any, condition_of: Any) -> None:
    sunday = {"startTime": "2090-01-01T00:00:00Z", "endTime": "2090-01-01T12:00:00Z", "durationSeconds": None}
    spec = simulation(**sunday, distribution={"method": "BusinessHours"})
    del spec["spec"]["durationSeconds"]
    runs.apply(spec)
    status = runs.until_phase("run", "Failed", within_seconds=15)["status"]
    assert condition_of(status, "Failed")["reason"] == "SpecInvalid"
    assert status["message"].startswith("spec.distribution.workingTime: no working time lies between start and end: ")
