"""/crm/…/owners and /crm/…/pipelines: who may own a record and where a deal may stand. Fixed, and only read."""

from __future__ import annotations

from simulation_core.clock import iso_ms
from simulation_sandbox.hubspot.answers import Answer, Json, not_found
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.object_types import object_type
from simulation_sandbox.hubspot.standard_properties import DEAL_STAGES

_SINCE = iso_ms(1_767_225_600_000)  # 2026-01-01: before any simulation
_OWNERS = (("71000001", "Ada", "Sommer"), ("71000002", "Ben", "Winter"), ("71000003", "Cleo", "Herbst"))


def _owner(owner_id: str, first: str, last: str) -> Json:
    return {
        "id": owner_id,
        "email": f"{first}.{last}@owners.example".lower(),
        "firstName": first,
        "lastName": last,
        "userId": int(owner_id) - 1_000_000,
        "userIdIncludingInactive": int(owner_id) - 1_000_000,
        "type": "PERSON",
        "teams": [],
        "archived": False,
        "createdAt": _SINCE,
        "updatedAt": _SINCE,
    }


def owners(call: Call) -> Answer:
    email = call.query.get("email")
    return Answer(200, {"results": [owner for owner in (_owner(*each) for each in _OWNERS) if email in (None, owner["email"])]})


def owner(call: Call) -> Answer:
    for each in _OWNERS:
        if each[0] == call.path["ownerId"]:
            return Answer(200, _owner(*each))
    raise not_found(f"Owner {call.path['ownerId']} does not exist.")


def _stage(order: int, name: str) -> Json:
    won, lost = name == "closedwon", name == "closedlost"
    probability = "1.0" if won else "0.0" if lost else str(round(0.2 + 0.15 * order, 2))
    return {
        "id": name,
        "label": name.capitalize(),
        "displayOrder": order,
        "metadata": {"isClosed": "true" if won or lost else "false", "probability": probability},
        "archived": False,
        "createdAt": _SINCE,
        "updatedAt": _SINCE,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    }


def _pipelines(type_name: str) -> list[Json]:
    if object_type(type_name).name != "deals":
        return []
    sales: Json = {
        "id": "default",
        "label": "Sales Pipeline",
        "displayOrder": 0,
        "archived": False,
        "createdAt": _SINCE,
        "updatedAt": _SINCE,
    }
    return [sales | {"stages": [_stage(order, name) for order, name in enumerate(DEAL_STAGES)]}]


def pipelines(call: Call) -> Answer:
    return Answer(200, {"results": _pipelines(call.path["objectType"])})


def pipeline(call: Call) -> Answer:
    for each in _pipelines(call.path["objectType"]):
        if each["id"] == call.path["pipelineId"]:
            return Answer(200, each)
    raise not_found(f"Pipeline {call.path['pipelineId']} does not exist.")


def stages(call: Call) -> Answer:
    body = pipeline(call).body
    assert isinstance(body, dict)
    return Answer(200, {"results": body["stages"]})
