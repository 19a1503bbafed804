"""/crm/…/properties: property definitions and their groups."""

from __future__ import annotations

from typing import Any

from simulation_core.clock import now_ms
from simulation_sandbox.hubspot.answers import Answer, ApiError, Json, invalid, not_found
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
    properties = _properties(call)
    known = properties.archived if call.flag("archived") else properties.by_name
    return Answer(200, {"results": [each.as_json() for each in known.values()]})


def read(call: Call) -> Answer:
    return Answer(200, _properties(call).get(call.path["propertyName"], archived=call.flag("archived")).as_json())


def create(call: Call) -> Answer:
    return Answer(201, _properties(call).create(_given(call)).as_json())


def update(call: Call) -> Answer:
    return Answer(200, _properties(call).update(call.path["propertyName"], _given(call)).as_json())


def archive(call: Call) -> Answer:
    _properties(call).archive(call.path["propertyName"])
    return Answer(204)


def batch_create(call: Call) -> Answer:
    """A property that can't be made is named in the errors; the others are made."""
    started_ms, properties = now_ms(), _properties(call)
    results: list[Json] = []
    errors: list[Json] = []
    for given in inputs_of(call.body):
        try:
            results.append(properties.create(given).as_json())
        except ApiError as refusal:
            errors.append(refusal.as_error({"name": [str(given.get("name"))]}))
    return batch_answer(call, call.version.properties_created, results, errors, started_ms)


def batch_read(call: Call) -> Answer:
    started_ms, properties = now_ms(), _properties(call)
    known = properties.archived if call.body and call.body.get("archived") else properties.by_name
    results: list[Json] = []
    errors: list[Json] = []
    for given in inputs_of(call.body):
        name = str(given.get("name"))
        if name in known:
            results.append(known[name].as_json())
        else:
            errors.append(not_found(f"Property {name} does not exist.").as_error({"name": [name]}))
    return batch_answer(call, 200, results, errors, started_ms)


def batch_archive(call: Call) -> Answer:
    """Of what isn't there, nothing is said."""
    properties = _properties(call)
    for given in inputs_of(call.body):
        name = str(given.get("name"))
        if name in properties.by_name:
            properties.archive(name)
    return Answer(204)


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
