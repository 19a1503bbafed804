"""What a user can get wrong: refused at once by the API server, or accepted and then explained; never a crash, never silence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulation_sandbox.errors import SandboxError
from simulation_sandbox.waiting import wait_for


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_unknown_portal_is_waited_for_and_the_run_goes_on_once_the_chart_brings_it(
    cluster: Any, runs: Any, simulation: Any, condition_of: Any, token_secret: str
) -> None:
    runs.apply(simulation(portal="latecomer"))
    status = runs.until_waiting("run", "PortalUnknown")["status"]
    assert "'latecomer' is not configured" in status["message"]
    assert "default" in status["message"]
    assert condition_of(status, "Accepted")["status"] == "False"
    assert condition_of(status, "Failed")["status"] == "False"
    cluster.install({"name": "latecomer", "existingSecret": token_secret})
    runs.until_phase("run", "Completed", within_seconds=120)
    assert runs.proof("run").faults == []


def test_a_namespace_the_portal_does_not_allow_is_told_so(cluster: Any, runs: Any, simulation: Any) -> None:
    runs.apply(simulation(portal="fenced"))
    status = runs.until_waiting("run", "NamespaceNotAllowed")["status"]
    assert runs.namespace in status["message"]
    assert "allowedNamespaces" in status["message"]
    assert cluster.query("SELECT 1 FROM simulations WHERE namespace = %s", runs.namespace) == []


def test_more_records_than_the_portal_allows_wait_for_a_larger_limit(runs: Any, simulation: Any) -> None:
    runs.apply(simulation(portal="small", totalRecords=11))
    status = runs.until_waiting("run", "TooManyRecords")["status"]
    assert "11" in status["message"]
    assert "10" in status["message"]


def test_a_window_that_is_already_past_fails_at_once_and_delivers_nothing(
    cluster: Any, runs: Any, simulation: Any, condition_of: Any
) -> None:
    now = datetime.now(UTC)
    runs.apply(simulation(startTime=iso(now - timedelta(hours=2)), endTime=iso(now - timedelta(hours=1))))
    runs.kubectl("wait", "--for=condition=Failed", "simulation/run", "--timeout=30s")
    found = runs.get("run")
    assert found["status"]["phase"] == "Failed"
    assert condition_of(found["status"], "Failed")["reason"] == "WindowPassed"
    assert condition_of(found["status"], "Finished")["status"] == "True"
    assert runs.created_ms(found["metadata"]["uid"]) == []
    assert "WindowPassed" in runs.kubectl("describe", "simulation", "run").partition("Events:")[2]


def test_a_time_zone_nobody_knows_fails_at_once_and_names_the_field(runs: Any, simulation: Any, condition_of: Any) -> None:
    runs.apply(simulation(distribution={"method": "Linear", "timeZone": "Mars/Olympus"}))
    status = runs.until_phase("run", "Failed", within_seconds=15)["status"]
    assert condition_of(status, "Failed")["reason"] == "SpecInvalid"
    assert status["message"].startswith("spec.distribution.timeZone:")


def test_a_broken_portals_file_leaves_the_old_portals_in_force_and_is_said(cluster: Any, runs: Any, simulation: Any) -> None:
    def say(text: str) -> None:
        cluster.kubectl("patch", *portals, "--type", "merge", "-p", json.dumps({"data": {"portals.yaml": text}}))

    portals = ("configmap", "simulation-operator-portals", "-n", "simulation-system")
    good = json.loads(cluster.kubectl("get", *portals, "-o", "json"))["data"]["portals.yaml"]
    say("portals: [{name: default, allowedNamespaces: 7}]")
    try:
        wait_for(lambda: "keeping the old portals" in cluster.log("operator"), what="the operator to complain", within_seconds=30)
        assert "allowedNamespaces" in cluster.log("operator")
        runs.apply(simulation(suspend=True))
        runs.until_phase("run", "Suspended", within_seconds=15)
    finally:
        say(good)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"totalRecords": 21}, "totalRecords can't be changed: delete this Simulation and create another"),
        ({"startTime": "2030-01-01T00:00:00Z"}, "startTime can't be added, changed or removed: delete this Simulation and create another"),
        ({"distribution": {"method": "BellCurve"}}, "distribution can't be changed: delete this Simulation and create another"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_frozen_field_can_not_be_changed_and_the_message_says_what_to_do(
    runs: Any, simulation: Any, change: dict[str, Any], sentence: str
) -> None:
    runs.apply(simulation(suspend=True))
    with pytest.raises(SandboxError) as refusal:
        runs.apply(simulation(suspend=True, **change))
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"content": {"source": "OpenAI"}}, "OpenAI is not in this version: use Faker"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_not_in_this_version_is_refused_with_what_is(runs: Any, simulation: Any, spec: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SandboxError) as refusal:
        runs.apply(simulation(**spec))
    assert sentence in str(refusal.value)


def test_a_misspelt_field_is_refused_by_name(runs: Any, simulation: Any) -> None:
    with pytest.raises(SandboxError, match="totalRecord"):
        runs.apply(simulation(totalRecord=5))
