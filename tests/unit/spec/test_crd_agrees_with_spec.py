"""crds/simulation.yaml and spec.py say the same: names, types, bounds, defaults, rules; and each field is either frozen or changeable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from simulation_core.spec import CHANGEABLE_FIELDS, FROZEN_FIELDS, Spec
from simulation_core.spec_rules import RULES

CRD = yaml.safe_load((Path(__file__).parents[3] / "crds/simulation.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
COMPARED = [
    *("type", "format", "pattern", "enum", "default", "required"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "additionalProperties"),
]

# What only one of the two can say.
OF_THE_MODEL_ALONE = {"spec.distribution.timeZone"}  # CEL knows no time zones


def described(schema: dict[str, Any], path: str = "spec") -> dict[str, dict[str, Any]]:
    """A schema as path → constraints. Formats of integers and defaults of objects are left out: one side has no word for them."""
    facts = {key: schema[key] for key in COMPARED if key in schema}
    if schema.get("type") == "integer":
        facts.pop("format", None)
    if schema.get("type") == "object":
        facts.pop("default", None)
    if isinstance(schema.get("additionalProperties"), bool):
        del facts["additionalProperties"]
    facts["required"] = sorted(schema.get("required", []))
    found = {path: facts}
    for name, part in schema.get("properties", {}).items():
        found |= described(part, f"{path}.{name}")
    if "items" in schema:
        found |= described(schema["items"], f"{path}[]")
    return found


def resolved(schema: Any, definitions: dict[str, Any]) -> Any:
    """Pydantic's JSON schema without references and without the null of an optional field, which the API server prunes."""
    if isinstance(schema, list):
        return [resolved(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **{key: value for key, value in schema.items() if key != "$ref"}}
    if "anyOf" in schema:
        (some,) = (part for part in schema["anyOf"] if part != {"type": "null"})
        schema = {**some, **{key: value for key, value in schema.items() if key not in ("anyOf", "default")}}
        return resolved(schema, definitions)
    return {key: resolved(value, definitions) for key, value in schema.items()}


def rules_of(schema: dict[str, Any], path: str = "spec") -> list[dict[str, str]]:
    own = [{**rule, "field": path + rule.get("fieldPath", "")} for rule in schema.get("x-kubernetes-validations", [])]
    return own + [rule for name, part in schema.get("properties", {}).items() for rule in rules_of(part, f"{path}.{name}")]


def test_the_model_and_the_schema_describe_the_same_fields() -> None:
    model = Spec.model_json_schema(by_alias=True)
    of_model = described(resolved({key: value for key, value in model.items() if key != "$defs"}, model["$defs"]))
    of_crd = described(SCHEMA)
    assert of_model.keys() == of_crd.keys()
    assert of_model == of_crd


def test_the_model_and_the_schema_have_the_same_rules_in_the_same_words() -> None:
    of_crd = {(rule["field"], rule["message"]) for rule in rules_of(SCHEMA) if "oldSelf" not in rule["rule"]}
    of_model = {(rule.field, rule.message) for rule in RULES if rule.field not in OF_THE_MODEL_ALONE}
    assert of_model == of_crd


def test_every_field_is_either_frozen_or_changeable() -> None:
    assert SCHEMA["properties"].keys() == FROZEN_FIELDS | CHANGEABLE_FIELDS
    assert not FROZEN_FIELDS & CHANGEABLE_FIELDS


def frozen_by(rules: list[dict[str, str]]) -> list[str]:
    return [rule["rule"] for rule in rules if rule["message"].endswith("delete this Simulation and create another")]


@pytest.mark.parametrize("name", sorted(FROZEN_FIELDS))
def test_every_frozen_field_has_a_rule_also_against_adding_and_removing_it(name: str) -> None:
    """Of a field that may be absent the parent must judge; one with a default is always there, and cheaper to judge on its own."""
    field = SCHEMA["properties"][name]
    on_parent = [rule for rule in SCHEMA["x-kubernetes-validations"] if rule["fieldPath"] == f".{name}"]
    if "default" in field or name in SCHEMA["required"]:
        assert frozen_by(field["x-kubernetes-validations"]) == ["self == oldSelf"]
    else:
        assert frozen_by(on_parent) == [f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"]


def test_no_changeable_field_has_such_a_rule() -> None:
    freezing = {rule["field"].split(".")[1] for rule in rules_of(SCHEMA) if frozen_by([rule])}
    assert freezing == FROZEN_FIELDS


def test_the_description_says_which_fields_are_frozen() -> None:
    said = {name for name, field in SCHEMA["properties"].items() if field["description"].endswith("Frozen.")}
    assert said == FROZEN_FIELDS


def test_every_field_is_bounded() -> None:
    """An unbounded field makes rules over it too expensive, and an object too large for etcd."""
    needed = {"string": ("maxLength", "enum"), "integer": ("maximum",), "array": ("maxItems",)}
    for path, facts in described(SCHEMA).items():
        kind = facts.get("type")
        if kind in needed:
            assert any(bound in facts for bound in needed[kind]), path


def test_every_field_is_explained() -> None:
    def unexplained(schema: dict[str, Any], path: str) -> list[str]:
        inside = [gap for name, part in schema.get("properties", {}).items() for gap in unexplained(part, f"{path}.{name}")]
        return inside + ([] if "description" in schema else [path])

    versions = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert unexplained(versions["spec"], "spec") + unexplained(versions["status"], "status") == []
