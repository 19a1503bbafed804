"""Each field holds its bounds and its default on a real API server, and every field of the status survives a write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException

SCHEMA = yaml.safe_load((Path(__file__).parents[3] / "crds/simulation.yaml").read_text())["spec"]["versions"][0]["schema"][
    "openAPIV3Schema"
]
SPEC, STATUS = SCHEMA["properties"]["spec"], SCHEMA["properties"]["status"]


def integers(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for name, part in schema.get("properties", {}).items():
        if part["type"] == "integer":
            yield (*path, name), part
        yield from integers(part, (*path, name))


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return value


OUTSIDE = [(path, part[bound] + step) for path, part in integers(SPEC) for bound, step in (("minimum", -1), ("maximum", 1))]


@pytest.mark.parametrize(("path", "value"), OUTSIDE, ids=lambda part: ".".join(part) if isinstance(part, tuple) else str(part))
def test_a_number_outside_its_bounds_is_refused(simulations: Any, path: tuple[str, ...], value: int) -> None:
    with pytest.raises(ApiException, match=f"spec.{'.'.join(path)}: Invalid value"):
        simulations.create(nested(path, value), dry=True)


def test_the_shortest_manifest_gets_the_defaults(simulations: Any) -> None:
    assert simulations.create({}, dry=True)["spec"] == {
        "scenario": "B2B",
        "totalRecords": 10,
        "durationSeconds": 60,
        "distribution": {"method": "Linear", "timeZone": "UTC"},
        "toleranceMilliseconds": 1000,
        "portal": "default",
        "content": {"locale": "en_US"},
        "records": {
            "contactsPerCompany": {"min": 1, "max": 1},
            "deals": {"percent": 0, "pipeline": "default", "amount": {"median": 12000, "sigmaPercent": 80}, "wonPercent": 0},
            "ownerIds": [],
            "properties": {"companies": {}, "contacts": {}, "deals": {}},
        },
        "suspend": False,
        "cancel": False,
        "missedRecords": "CatchUp",
        "retries": {"limit": 5},
        "failurePolicy": {"maxFailedPercent": 0, "stopEarly": False},
        "deletionPolicy": "Retain",
    }


def test_the_manifest_of_the_reference_passes_where_this_version_can_do_it(simulations: Any) -> None:
    simulations.create(
        {
            "totalRecords": 5000,
            "startTime": "2026-12-01T08:00:00Z",
            "endTime": "2026-12-05T18:00:00Z",
            "durationSeconds": None,
            "distribution": {"method": "BellCurve", "bellCurve": {"peakPercent": 50, "spreadPercent": 17}, "timeZone": "Europe/Berlin"},
            "seed": 42,
            "userId": "6f1c2a55-0000-4222-8333-444455556666",
            "content": {"source": "Faker", "theme": "wind-energy suppliers", "locale": "en_US", "maxTokens": 500000},
        },
        dry=True,
    )


def filled(schema: dict[str, Any]) -> Any:
    """A value that uses every field the schema has, each at its largest."""
    match schema["type"]:
        case "object":
            return {name: filled(part) for name, part in schema["properties"].items()}
        case "array":
            return [filled(schema["items"])]
        case "integer":
            return schema["maximum"]
        case _ if "enum" in schema:
            return schema["enum"][-1]
        case _:
            return "2026-12-01T08:00:00.000Z" if schema.get("format") == "date-time" else "100%"


def test_every_field_of_the_status_is_declared_and_kept(simulations: Any) -> None:
    simulations.create({})
    status = filled(STATUS)
    assert simulations.patch_status(status)["status"] == status


def test_a_status_is_written_apart_from_the_spec(simulations: Any) -> None:
    assert "status" not in simulations.create({"status": None}), "a status in a manifest is not taken"
    before = simulations.patch_status({"phase": "Queued"})
    assert before["metadata"]["generation"] == 1, "writing status is no new generation"


def test_two_conditions_of_one_type_are_refused(simulations: Any) -> None:
    simulations.create({})
    twice = [{"type": "Complete", "status": "True"}, {"type": "Complete", "status": "False"}]
    with pytest.raises(ApiException, match="Duplicate value"):
        simulations.patch_status({"conditions": twice})
