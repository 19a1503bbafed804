"""Every example is applied as it stands and becomes a run that its portal can carry. (The short ones end in the end-to-end tests.)"""

from __future__ import annotations

from pathlib import Path

import yaml

EXAMPLES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))}


def test_there_is_something_to_start_from() -> None:
    assert len(EXAMPLES) >= 8
    assert len({example["metadata"]["name"] for example in EXAMPLES.values()}) == len(EXAMPLES)
    assert len({example["spec"].get("distribution", {}).get("method", "Linear") for example in EXAMPLES.values()}) >= 7


def test_none_is_suspended_or_cancelled() -> None:
    """Applied again, it would undo what somebody has done with kubectl meanwhile."""
    assert [name for name, example in EXAMPLES.items() if {"suspend", "cancel"} & example["spec"].keys()] == []


def test_each_becomes_a_planned_and_feasible_run(cluster, make_operator, simulation_kind, migrated_url):
    operator = make_operator(migrated_url, SIMULATION_OPENAI_MODEL="any", SIMULATION_OPENAI_BY_DEFAULT="false")
    operator.start()
    for example in EXAMPLES.values():
        cluster.apply(example)
    for example in EXAMPLES.values():
        name = example["metadata"]["name"]
        found = cluster.wait(lambda seen: "timeline" in seen.get("status", {}), "a plan", name=name, within_seconds=60)
        assert found["status"]["phase"] in {"Queued", "Running"}, name
        assert sum(found["status"]["timeline"]["planned"]) == example["spec"]["totalRecords"], name
        assert cluster.condition(found, "Accepted")["status"] == "True", name
        assert cluster.condition(found, "Feasible")["status"] == "True", found["status"]["message"]
    assert "Traceback" not in operator.log
