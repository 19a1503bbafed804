"""Each rule of the CRD refuses what it should, says so at the right field in words that help, and lets the nearest neighbour pass."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException

CASES = yaml.safe_load((Path(__file__).parents[2] / "unit/spec/rule_cases.yaml").read_text())
SCHEMA = yaml.safe_load((Path(__file__).parents[3] / "crds/simulation.yaml").read_text())["spec"]["versions"][0]["schema"][
    "openAPIV3Schema"
]


INVALID = re.compile(r'Invalid value: (?:(?:"[^"]*"|-?\d+|true|false): )?|[^:]*: ')  # of an object or a list the value isn't told


def refusal(error: pytest.ExceptionInfo[ApiException]) -> list[tuple[str, str]]:
    """(field, message) of each cause the API server names."""
    assert error.value.status == 422, error.value.body
    return [(cause["field"], INVALID.sub("", cause["message"], count=1)) for cause in json.loads(error.value.body)["details"]["causes"]]


@pytest.mark.parametrize("case", CASES["creating"], ids=lambda case: case["sentence"])
def test_refused_with_the_message(simulations: Any, case: dict[str, Any]) -> None:
    with pytest.raises(ApiException) as error:
        simulations.create(case["reject"], dry=True)
    assert (case["field"], case["message"]) in refusal(error)


@pytest.mark.parametrize("case", CASES["misspelling"], ids=lambda case: case["sentence"])
def test_refused_at_the_field(simulations: Any, case: dict[str, Any]) -> None:
    with pytest.raises(ApiException) as error:
        simulations.create(case["reject"], dry=True)
    assert any(field.startswith(case["field"]) for field, _ in refusal(error)), refusal(error)


@pytest.mark.parametrize("case", CASES["creating"] + CASES["misspelling"], ids=lambda case: f"not {case['sentence']}")
def test_accepted(simulations: Any, case: dict[str, Any]) -> None:
    simulations.create(case["accept"], dry=True)


@pytest.mark.parametrize("case", CASES["changing"], ids=lambda case: case["sentence"])
def test_a_change_refused(simulations: Any, case: dict[str, Any]) -> None:
    simulations.create(case.get("before", {}))
    with pytest.raises(ApiException) as error:
        simulations.patch(case["reject"])
    assert (case["field"], case["message"]) in refusal(error)
    simulations.patch(case.get("accept", {"suspend": True}))


@pytest.mark.parametrize(
    "change",
    [{"suspend": True}, {"cancel": True}, {"retries": {"limit": 9}}, {"failurePolicy": {"maxFailedPercent": 7}}],
    ids=lambda change: next(iter(change)),
)
def test_what_does_not_shape_the_plan_may_change(simulations: Any, change: dict[str, Any]) -> None:
    before = simulations.create({})["spec"]
    after = simulations.patch(change)["spec"]
    (name,) = change
    assert {field for field in after if after[field] != before[field]} == {name}


def test_every_rule_of_the_crd_has_a_case_that_breaks_it() -> None:
    rules = Counter((path + rule.get("fieldPath", ""), rule["message"]) for path, rule in rules_of(SCHEMA["properties"]["spec"], "spec"))
    cases = Counter((case["field"], case["message"]) for case in CASES["creating"] + CASES["changing"])
    assert rules - cases == Counter()
    assert cases.keys() == rules.keys()


def rules_of(schema: dict[str, Any], path: str) -> list[tuple[str, dict[str, str]]]:
    own = [(path, rule) for rule in schema.get("x-kubernetes-validations", [])]
    return own + [rule for name, part in schema.get("properties", {}).items() for rule in rules_of(part, f"{path}.{name}")]
