"""A spec the API server would refuse is refused here in the same words: kubectl simulation plan has no cluster to ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from simulation_core.errors import SpecError
from simulation_core.spec import BellCurve, Distribution, Method, Spec, parse_spec

CASES = yaml.safe_load((Path(__file__).parent / "rule_cases.yaml").read_text())
BASE = {"scenario": "B2B", "totalRecords": 10, "durationSeconds": 60}


def overlaid(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A JSON merge patch: null removes."""
    merged = {name: value for name, value in base.items() if changes.get(name, value) is not None}
    for name, value in changes.items():
        if isinstance(value, dict):
            merged[name] = overlaid(merged.get(name, {}), value)
        elif value is not None:
            merged[name] = value
    return merged


def spec_with(**changes: Any) -> Spec:
    return parse_spec(overlaid(BASE, changes))


@pytest.mark.parametrize("case", CASES["creating"], ids=lambda case: case["sentence"])
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as refusal:
        spec_with(**case["reject"])
    assert str(refusal.value) == f"{case['field']}: {case['message']}"


@pytest.mark.parametrize("case", CASES["misspelling"], ids=lambda case: case["sentence"])
def test_refused_with_the_path_of_the_field(case: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as refusal:
        spec_with(**case["reject"])
    assert refusal.value.field.startswith(case["field"])


@pytest.mark.parametrize("case", CASES["creating"] + CASES["misspelling"], ids=lambda case: f"not {case['sentence']}")
def test_accepted(case: dict[str, Any]) -> None:
    spec_with(**case["accept"])


def test_an_unknown_field_is_refused_rather_than_ignored() -> None:
    with pytest.raises(SpecError, match=r"spec\.distribution\.peak: is not a field of a Simulation"):
        spec_with(distribution={"peak": 3})


def test_a_time_zone_nobody_knows_is_refused() -> None:
    with pytest.raises(SpecError, match=r"spec\.distribution\.timeZone: .* such as Europe/Berlin"):
        spec_with(distribution={"timeZone": "Europe/Atlantis"})


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "Europe"])
def test_a_time_zone_is_never_a_path(name: str) -> None:
    with pytest.raises(SpecError, match="timeZone"):
        spec_with(distribution={"timeZone": name})


def test_a_method_has_its_member_even_where_the_manifest_leaves_it_out() -> None:
    assert spec_with(distribution={"method": "BellCurve"}).distribution.bell_curve == BellCurve(peak_percent=50, spread_percent=17)


def test_a_member_given_keeps_what_it_was_given() -> None:
    assert spec_with(distribution={"method": "BellCurve", "bellCurve": {"peakPercent": 20}}).distribution.bell_curve == BellCurve(
        peak_percent=20
    )
    assert Distribution(method=Method.BELL_CURVE, bell_curve=BellCurve(spread_percent=5)).bell_curve == BellCurve(spread_percent=5)


def test_the_window_is_the_duration_wherever_it_starts() -> None:
    assert spec_with().window_ms(123) == 60_000


def test_the_window_is_what_lies_between_the_start_and_the_end() -> None:
    spec = spec_with(durationSeconds=None, endTime="2026-12-01T08:00:00.125Z")
    start_ms = 1_796_112_000_000  # 2026-12-01T08:00:00Z
    assert spec.window_ms(start_ms) == 125
    assert spec.window_ms(start_ms + 1000) == -875


def test_a_spec_survives_being_stored_as_json() -> None:
    spec = spec_with(
        distribution={"method": "BellCurve"}, userId="6f1c2a55-0000-4222-8333-444455556666", startTime="2026-12-01T08:00:00+01:00"
    )
    stored = json.loads(spec.model_dump_json(by_alias=True, exclude_none=True))
    assert parse_spec(stored) == spec


def test_a_spec_can_not_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        spec_with().total_records = 11  # type: ignore[misc]  # that it can't be assigned is the point


def test_a_text_with_a_nul_is_refused_with_its_path() -> None:
    with pytest.raises(SpecError, match=r"^spec\.content\.theme: holds a NUL"):
        spec_with(content={"theme": "wind\x00energy"})
    with pytest.raises(SpecError, match=r"^spec\.records\.ownerIds\.1: holds a NUL"):
        spec_with(records={"ownerIds": ["1", "2\x00"]})


def test_a_misspelt_name_is_told_before_the_required_one_it_hides() -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec({"scenario": "B2C", "totalRecord": 5, "durationSeconds": 60, "distribution": {"method": "Linear"}})
    assert refused.value.field == "spec.totalRecord"


def test_a_property_is_a_constant_or_a_choice() -> None:
    choice = {"choice": [{"value": "newbusiness", "weight": 3}, {"value": "existingbusiness"}]}
    properties = spec_with(records={"properties": {"deals": {"hs_priority": "high", "dealtype": choice}}}).records.properties.deals
    assert properties["hs_priority"].values == ("high",)
    assert properties["dealtype"].values == ("newbusiness", "existingbusiness")


@pytest.mark.parametrize(
    ("given", "at", "said"),
    [
        (7, "", 'put it in quotes, as "7"'),
        (True, "", "put it in quotes"),
        (["a"], "", "is neither text nor a choice"),
        ({}, "", "either a text in quotes or choice"),
        ({"choice": []}, ".choice", "at least 1 item"),
        ({"choice": [{"value": "a", "weight": 0}]}, "", "all weights are 0"),
        ({"choice": [{"value": "a", "weight": -1}]}, ".choice.0.weight", "greater than or equal to 0"),
        ({"choice": [{"weight": 1}]}, ".choice.0.value", "is required: set it"),
        ({"pick": "a"}, ".pick", "is not a field of a Simulation"),
    ],
)
def test_a_property_that_is_neither_says_how_to_write_it(given: Any, at: str, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec({**BASE, "records": {"properties": {"companies": {"tier": given}}}})
    assert refused.value.field == f"spec.records.properties.companies.tier{at}"
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("simulation_key", "is set by the product itself"),
        ("email", "is set by the product itself"),
        ("Tier", "no internal name of a property"),
    ],
)
def test_a_property_that_is_not_the_users_to_set_is_refused(name: str, said: str) -> None:
    """A constant e-mail would be one person's, perhaps a real one's."""
    with pytest.raises(SpecError, match=said) as refused:
        spec_with(records={"properties": {"contacts": {name: "x"}}})
    assert refused.value.field.startswith("spec.records.properties.contacts")
    assert name in str(refused.value)
