"""What a new user does with the examples: apply, get, wait, describe. And what the CRM holds afterwards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulation_core.plan.deals import total_deals

SHORT_SECONDS = 60
EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "examples").glob("*.yaml")
    if yaml.safe_load(path.read_text())["spec"]["durationSeconds"] <= SHORT_SECONDS
)
EVENTS_OF_A_RUN_AT_MOST = 10

pytestmark = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


@pytest.fixture
def name(example: Path) -> str:
    return str(yaml.safe_load(example.read_text())["metadata"]["name"])


def test_applying_it_again_changes_nothing(cluster: Any, examples: Any, example: Path, name: str) -> None:
    before = examples.get(name)["metadata"]
    assert examples.apply(example).split()[-1] == "unchanged"
    after = examples.get(name)["metadata"]
    assert (after["uid"], after["generation"]) == (before["uid"], before["generation"])
    rows = cluster.query("SELECT id::text FROM simulations WHERE namespace = %s AND name = %s", examples.namespace, name)
    assert rows == [(after["uid"],)]


def test_an_example_ends_complete_and_the_crm_holds_exactly_what_was_planned(examples: Any, name: str) -> None:
    examples.kubectl("wait", "--for=condition=Complete", f"simulation/{name}", "--timeout=150s", within_seconds=160)
    proof = examples.proof(name)
    assert proof.faults == []
    assert (proof.status, proof.processed, proof.early) == ("COMPLETED", proof.total, 0)


def deals_of(spec: dict[str, Any]) -> int:
    percent = spec["records"]["deals"]["percent"]
    return total_deals(spec["seed"], spec["totalRecords"], percent) if percent else 0


def test_its_status_agrees_with_the_proof(examples: Any, name: str, condition_of: Any) -> None:
    found = examples.until_phase(name, "Completed", within_seconds=150)
    status, total = found["status"], found["spec"]["totalRecords"]
    assert (status["recordsProcessed"], status["recordsFailed"], status["recordsSkipped"]) == (total, 0, 0)
    assert status["progress"] == "100%"
    assert status["observedGeneration"] == found["metadata"]["generation"]
    assert status["objects"] == {
        "companies": total if found["spec"]["scenario"] == "B2B" else 0,
        "contacts": total,
        "deals": deals_of(found["spec"]),
    }
    assert sum(status["timeline"]["planned"]) == total
    assert sum(status["timeline"]["delivered"]) == total
    assert status["portal"] == {"name": "default", "accountId": 424242, "accountType": "DEVELOPER_TEST"}
    holds = {
        each: condition_of(status, each)["status"] for each in ("Accepted", "Progressing", "Complete", "Failed", "Finished", "Suspended")
    }
    assert holds == {
        "Accepted": "True",
        "Progressing": "False",
        "Complete": "True",
        "Failed": "False",
        "Finished": "True",
        "Suspended": "False",
    }


def test_get_shows_it_in_one_line(examples: Any, name: str) -> None:
    found = examples.until_phase(name, "Completed", within_seconds=150)
    total, scenario = found["spec"]["totalRecords"], found["spec"]["scenario"]
    header, line = examples.kubectl("get", "simulations", name).splitlines()
    assert header.split() == ["NAME", "SCENARIO", "PHASE", "PROGRESS", "PROCESSED", "FAILED", "TOTAL", "NEXT", "AGE"]
    assert re.fullmatch(rf"{name}\s+{scenario}\s+Completed\s+100%\s+{total}\s+0\s+{total}\s+\d+m?(\d+s)?\s*", line), line


def test_get_wide_shows_method_portal_lateness_and_message(examples: Any, name: str) -> None:
    found = examples.until_phase(name, "Completed", within_seconds=150)
    header, line = examples.kubectl("get", "sim", name, "-o", "wide").splitlines()
    assert header.split()[-5:] == ["METHOD", "PORTAL", "ETA", "P99", "MESSAGE"]
    method, p99 = found["spec"]["distribution"]["method"], found["status"]["lateness"]["p99Milliseconds"]
    assert re.search(rf"\s{method}\s+default\s+{p99}\s+\S.*records were delivered\.", line), line


def test_describe_tells_its_story_in_a_few_events_never_one_a_record(examples: Any, name: str) -> None:
    examples.until_phase(name, "Completed", within_seconds=150)
    story = examples.kubectl("describe", "simulation", name).partition("Events:")[2]
    lines = story.strip().splitlines()[2:]
    reasons = [line.split()[1] for line in lines]
    assert reasons[-1] == "Completed", story
    assert "Accepted" in reasons, story
    assert len(lines) <= EVENTS_OF_A_RUN_AT_MOST, story
    assert not [line for line in lines if line.startswith("Warning")], story
