"""In every phase each condition is there, with a reason from the table, a sentence and the generation it speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from simulation_core.ledger.values import Progress, Run, RunState, Status
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_operator.conditions import find
from simulation_operator.happenings import happenings
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Verdict
from simulation_operator.status import Problem, View, build

ROOT = Path(__file__).parents[3]
UID = UUID(int=1)
NOW_MS = 1_796_112_030_000
TYPES = ["Accepted", "Progressing", "Complete", "Failed", "Finished", "Suspended"]  # Feasible: once it is planned
SIMULATION = Simulation(key=Key("team", "launch", UID), generation=4, spec={"totalRecords": 200})


def of_run(status: Status, run_state: RunState = RunState.RUNNING, *, problem: Reason | None = None) -> dict[str, Any]:
    run = Run(
        id=UID, namespace="team", name="launch", user_id=UID, status=status, run_state=run_state, spec={"toleranceMilliseconds": 1000},
        scenario="B2B", portal="default", seed=1, plan_version=1, total_records=200, records_processed=0, records_failed=0,
        records_skipped=0, accepted_ms=NOW_MS, start_ms=NOW_MS, end_ms=NOW_MS + 60_000, shift_ms=0, reason=None, message=None,
        finished_ms=None, deleted_ms=None,
    )  # fmt: skip
    progress = Progress(
        run=run, draining=0, next_due_ms=NOW_MS, peak_per_minute=200, demand=None, objects={}, bucket_ms=1500, planned=[0] * 40,
        delivered=[0] * 40, lateness_p50_ms=None, lateness_p99_ms=None, failures=[],
    )  # fmt: skip
    return build(view(progress=progress, problems=[] if problem is None else [Problem(problem, problem.meaning)]))


def without_run(reason: Reason, *, final: bool) -> dict[str, Any]:
    return build(view(verdict=Verdict(reason=reason, message=reason.meaning, final=final)))


def view(**parts: Any) -> View:
    return View(
        simulation=SIMULATION, observed_generation=4, now_ms=NOW_MS, portal=Portal(name="default", allowed_namespaces=("*",)), **parts
    )  # fmt: skip


def all_statuses() -> Iterator[Any]:
    for status in Status:
        for run_state in RunState:
            yield pytest.param(of_run(status, run_state), id=f"{status} while {run_state}")
    for reason in Reason:
        yield pytest.param(of_run(Status.RUNNING, problem=reason), id=f"RUNNING, but {reason}")
    yield pytest.param(without_run(Reason.PORTAL_UNKNOWN, final=False), id="waits for its portal")
    yield pytest.param(without_run(Reason.SPEC_INVALID, final=True), id="refused")


@pytest.mark.parametrize("status", list(all_statuses()))
def test_all_conditions_are_there_and_whole(status: dict[str, Any]) -> None:
    assert [condition["type"] for condition in status["conditions"]] == TYPES
    for condition in status["conditions"]:
        assert condition["status"] in {"True", "False"}
        assert condition["reason"] in set(Reason)
        assert len(condition["message"]) > 10
        assert condition["observedGeneration"] == 4
        assert condition["lastTransitionTime"]
    assert status["message"]


@pytest.mark.parametrize("status", list(all_statuses()))
def test_what_kubectl_waits_for_follows_from_the_phase(status: dict[str, Any]) -> None:
    holds = {type_ for type_ in TYPES if find(status, type_)["status"] == "True"}
    assert ("Finished" in holds) == (status["phase"] in {"Completed", "Failed", "Cancelled"})
    assert ("Complete" in holds) == (status["phase"] == "Completed")
    assert ("Failed" in holds) == (status["phase"] == "Failed")
    assert ("Suspended" in holds) == (status["phase"] == "Suspended")
    assert not {"Progressing", "Finished"} <= holds


@pytest.mark.parametrize("status", list(all_statuses()))
def test_every_reason_of_an_event_is_in_the_table(status: dict[str, Any]) -> None:
    assert {happening.reason for happening in happenings({}, status)} <= set(Reason)


def test_every_reason_is_explained_and_used() -> None:
    page = (ROOT / "docs/reference/reasons.md").read_text()
    sources = "".join(path.read_text() for part in ("core", "operator", "worker") for path in (ROOT / part).rglob("*.py"))
    for reason in Reason:
        assert f"| `{reason}` | {reason.meaning}" in page
        assert re.search(rf"\bReason\.{reason.name}\b", sources), f"{reason} is in the table, and nothing gives it"
