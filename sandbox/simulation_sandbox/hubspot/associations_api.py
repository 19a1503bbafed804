"""/crm/…/associations: joining objects in batches, and reading what is joined."""

from __future__ import annotations

from simulation_core.clock import now_ms
from simulation_sandbox.hubspot.answers import Answer, Json, invalid
from simulation_sandbox.hubspot.associations import MAX_ASSOCIATION_INPUTS, associate, wanted_types
from simulation_sandbox.hubspot.batches import batch_answer, inputs_of
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.object_types import ASSOCIATION_TYPES, ObjectType, association_types, object_type

MAX_READ_INPUTS = 1_000


def _pair(call: Call) -> tuple[ObjectType, ObjectType]:
    return object_type(call.path["fromObjectType"]), object_type(call.path["toObjectType"])


def batch_create(call: Call) -> Answer:
    """A type that doesn't fit rejects the call; an object that isn't there fails only its own input (207)."""
    started_ms = now_ms()
    one, other = _pair(call)
    inputs = inputs_of(call.body, MAX_ASSOCIATION_INPUTS)
    wanted = [(_id(given, "from"), _id(given, "to"), wanted_types(one, other, given.get("types"))) for given in inputs]
    ones, others = call.account.objects[one.name], call.account.objects[other.name]
    results, errors = [], []
    for from_id, to_id, kinds in wanted:
        from_record, to_record = ones.live.get(from_id), others.live.get(to_id)
        if from_record is None or to_record is None:
            gone = (one, "fromObjectId", from_id) if from_record is None else (other, "toObjectId", to_id)
            errors.append(_missing(*gone))
            continue
        associate(from_record, to_record, kinds)
        labels = [kind.label for kind in kinds if kind.label]
        results.append(_pair_json(one, other, from_id, to_id) | {"labels": labels})
    return batch_answer(201, results, errors, started_ms)


def _pair_json(one: ObjectType, other: ObjectType, from_id: str, to_id: str) -> Json:
    return {"fromObjectTypeId": one.type_id, "fromObjectId": from_id, "toObjectTypeId": other.type_id, "toObjectId": to_id}


def _id(given: Json, side: str) -> str:
    ends = given.get(side)
    if not isinstance(ends, dict) or not ends.get("id"):
        raise invalid(f"Some required fields were not set: [{side}.id]")
    return str(ends["id"])


def _missing(kind: ObjectType, side: str, record_id: str) -> Json:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"{kind.singular} {record_id} does not exist",
        "context": {side: [record_id]},
        "errors": [],
        "links": {},
    }


def batch_read(call: Call) -> Answer:
    started_ms = now_ms()
    one, other = _pair(call)
    ones = call.account.objects[one.name]
    results, errors = [], []
    for given in inputs_of(call.body, MAX_READ_INPUTS):
        from_id = str(given.get("id"))
        record = ones.live.get(from_id)
        linked = record.associated.get(other.name, {}) if record else {}
        if not linked:
            message = f"No {other.singular} is associated with {one.singular} {from_id}."
            errors.append(_missing(one, "fromObjectId", from_id) | {"message": message})
            continue
        to = [{"toObjectId": to_id, "associationTypes": [_type_json(t) for t in sorted(types)]} for to_id, types in linked.items()]
        results.append({"from": {"id": from_id}, "to": to})
    return batch_answer(200, results, errors, started_ms)


def batch_archive(call: Call) -> Answer:
    one, other = _pair(call)
    ones, others = call.account.objects[one.name], call.account.objects[other.name]
    for given in inputs_of(call.body, MAX_ASSOCIATION_INPUTS):
        from_id = _id(given, "from")
        for end in given.get("to") or ():
            if from_id in ones.live:
                ones.live[from_id].associated.get(other.name, {}).pop(str(end["id"]), None)
            if str(end["id"]) in others.live:
                others.live[str(end["id"])].associated.get(one.name, {}).pop(from_id, None)
    return Answer(204)


def labels(call: Call) -> Answer:
    return Answer(200, {"results": [_type_json(kind.type_id) for kind in association_types(*_pair(call))]})


def _type_json(type_id: int) -> Json:
    label = ASSOCIATION_TYPES[type_id].label
    return {"category": "HUBSPOT_DEFINED", "typeId": type_id} | ({"label": label} if label else {})
