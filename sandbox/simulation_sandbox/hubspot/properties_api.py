"""/crm/…/properties: property definitions and their groups."""

from __future__ import annotations

from typing import Any

from simulation_core.clock import now_ms
from simulation_sandbox.hubspot.answers import Answer, Json, invalid
from simulation_sandbox.hubspot.batches import batch_answer, inputs_of
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.object_types import object_type
from simulation_sandbox.hubspot.properties import Properties


def _properties(call: Call) -> Properties:
    return call.account.properties[object_type(call.path["objectType"]).name]


def _given(call: Call) -> Any:
    if not isinstance(call.body, dict):
        raise invalid("Invalid input JSON: an object is expected")
    return call.body


def listed(call: Call) -> Answer:
    return Answer(200, {"results": [known.as_json() for known in _properties(call).by_name.values()]})


def read(call: Call) -> Answer:
    return Answer(200, _properties(call).get(call.path["propertyName"]).as_json())


def create(call: Call) -> Answer:
    return Answer(201, _properties(call).create(_given(call)).as_json())


def update(call: Call) -> Answer:
    return Answer(200, _properties(call).update(call.path["propertyName"], _given(call)).as_json())


def archive(call: Call) -> Answer:
    _properties(call).archive(call.path["propertyName"])
    return Answer(204)


def batch_create(call: Call) -> Answer:
    started_ms, properties = now_ms(), _properties(call)
    results: list[Json] = [properties.create(given).as_json() for given in inputs_of(call.body)]
    return batch_answer(201, results, [], started_ms)


def batch_read(call: Call) -> Answer:
    started_ms, properties = now_ms(), _properties(call)
    results = [properties.get(str(given.get("name"))).as_json() for given in inputs_of(call.body)]
    return batch_answer(200, results, [], started_ms)


def groups(call: Call) -> Answer:
    return Answer(200, {"results": [group.as_json() for group in _properties(call).groups.values()]})


def read_group(call: Call) -> Answer:
    return Answer(200, _properties(call).group(call.path["groupName"]).as_json())


def create_group(call: Call) -> Answer:
    return Answer(201, _properties(call).create_group(_given(call)).as_json())


def update_group(call: Call) -> Answer:
    group, changes = _properties(call).group(call.path["groupName"]), _given(call)
    group.label = changes.get("label", group.label)
    group.display_order = changes.get("displayOrder", group.display_order)
    return Answer(200, group.as_json())


def archive_group(call: Call) -> Answer:
    properties = _properties(call)
    group = properties.group(call.path["groupName"])
    if any(known.group == group.name for known in properties.by_name.values()):
        raise invalid(f"Property group {group.name} still has properties.")
    del properties.groups[group.name]
    return Answer(204)
