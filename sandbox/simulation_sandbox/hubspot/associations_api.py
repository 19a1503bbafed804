"""/crm/…/associations: joining objects in batches, and reading what is joined."""

from __future__ import annotations

from simulation_core.clock import now_ms
from simulation_sandbox.hubspot.answers import Answer, Json, invalid, not_found
from simulation_sandbox.hubspot.associations import MAX_ASSOCIATION_INPUTS, associate, unlink, wanted_types
from simulation_sandbox.hubspot.batches import batch_answer, inputs_of
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.object_types import ASSOCIATION_TYPES, AssociationType, ObjectType, association_types, object_type

MAX_READ_INPUTS = 1_000
MAX_LINKED = 500


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
        results.append(_pair_json(one, other, from_id, to_id) | {"labels": _labels(kinds)})
    return batch_answer(call, call.version.associated, results, errors, started_ms)


def _labels(kinds: list[AssociationType]) -> list[str]:
    return [kind.label for kind in kinds if kind.label]


def batch_associate_default(call: Call) -> Answer:
    """Without a label: the type every pair of objects has."""
    started_ms = now_ms()
    one, other = _pair(call)
    results, errors = [], []
    for given in inputs_of(call.body, MAX_ASSOCIATION_INPUTS):
        made, missing = _associate_default(call, one, other, _id(given, "from"), _id(given, "to"))
        results += made
        errors += missing
    return batch_answer(call, 200, results, errors, started_ms, partly_failed=200)


def _associate_default(call: Call, one: ObjectType, other: ObjectType, from_id: str, to_id: str) -> tuple[list[Json], list[Json]]:
    """Both directions, as HubSpot answers them; or what is missing."""
    from_record, to_record = call.account.objects[one.name].live.get(from_id), call.account.objects[other.name].live.get(to_id)
    if from_record is None or to_record is None:
        return [], [_missing(one, "fromObjectId", from_id) if from_record is None else _missing(other, "toObjectId", to_id)]
    kind = association_types(one, other)[0]
    associate(from_record, to_record, [kind])
    there = {"from": {"id": from_id}, "to": {"id": to_id}, "associationSpec": _spec(kind.type_id)}
    back = {"from": {"id": to_id}, "to": {"id": from_id}, "associationSpec": _spec(kind.inverse_id)}
    return [there, back], []


def _spec(type_id: int) -> Json:
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}


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
        results.append({"from": {"id": from_id}, "to": [_linked(to_id, types) for to_id, types in linked.items()]})
    return batch_answer(call, 200, results, errors, started_ms)


def batch_archive(call: Call) -> Answer:
    started_ms = now_ms()
    one, other = _pair(call)
    for given in inputs_of(call.body, MAX_ASSOCIATION_INPUTS):
        from_id = _id(given, "from")
        for end in given.get("to") or ():
            unlink(call.account, (one, from_id), (other, str(end["id"])))
    return _unlinked(call, started_ms)


def batch_archive_labels(call: Call) -> Answer:
    """Only the types named go; what is left without any type is no longer associated."""
    started_ms = now_ms()
    one, other = _pair(call)
    inputs = inputs_of(call.body, MAX_ASSOCIATION_INPUTS)
    wanted = [(_id(given, "from"), _id(given, "to"), wanted_types(one, other, given.get("types"))) for given in inputs]
    for from_id, to_id, kinds in wanted:
        unlink(call.account, (one, from_id), (other, to_id), kinds)
    return _unlinked(call, started_ms)


def _unlinked(call: Call, started_ms: int) -> Answer:
    return Answer(204) if call.version.unlinked == 204 else batch_answer(call, call.version.unlinked, [], [], started_ms)


def put(call: Call) -> Answer:
    """One pair, with the types the body lists."""
    one, other = _one_to_other(call)
    kinds = wanted_types(one, other, call.body)
    from_id, to_id = call.path["objectId"], call.path["toObjectId"]
    associate(call.account.objects[one.name].get(from_id), call.account.objects[other.name].get(to_id), kinds)
    return Answer(201, _pair_json(one, other, from_id, to_id) | {"labels": _labels(kinds)})


def put_default(call: Call) -> Answer:
    started_ms = now_ms()
    one, other = _one_to_other(call)
    results, errors = _associate_default(call, one, other, call.path["objectId"], call.path["toObjectId"])
    if errors:
        raise not_found(errors[0]["message"])
    return batch_answer(call, 200, results, [], started_ms)


def delete(call: Call) -> Answer:
    one, other = _one_to_other(call)
    unlink(call.account, (one, call.path["objectId"]), (other, call.path["toObjectId"]))
    return Answer(204)


def linked_page(call: Call) -> Answer:
    """What one object is associated with."""
    one, other = _one_to_other(call)
    linked = sorted(call.account.objects[one.name].get(call.path["objectId"]).associated.get(other.name, {}).items(), key=_by_id)
    limit, after = call.query.get("limit", "500"), call.query.get("after") or "0"
    if not limit.isdigit() or not 1 <= int(limit) <= MAX_LINKED or not after.isdigit():
        raise invalid(f"limit must be a number from 1 to {MAX_LINKED}, and after what paging.next.after said")
    following = [(to_id, types) for to_id, types in linked if int(to_id) > int(after)]
    shown = following[: int(limit)]
    body: Json = {"results": [_linked(to_id, types) for to_id, types in shown]}
    if len(following) > len(shown):
        body["paging"] = {"next": {"after": shown[-1][0]}}
    return Answer(200, body)


def _by_id(linked: tuple[str, set[int]]) -> int:
    return int(linked[0])


def _linked(to_id: str, types: set[int]) -> Json:
    return {"toObjectId": to_id, "associationTypes": [_type_json(type_id) for type_id in sorted(types)]}


def _one_to_other(call: Call) -> tuple[ObjectType, ObjectType]:
    return object_type(call.path["objectType"]), object_type(call.path["toObjectType"])


def high_usage_report(call: Call) -> Answer:
    """Promised, and never sent: nobody here reads mail."""
    enqueued = {"dateOnly": False, "timeZoneShift": 0, "value": now_ms()}
    user = call.path["userId"]
    if not user.isdigit():
        raise invalid(f"userId must be a number, not {user}")
    return Answer(200, {"enqueueTime": enqueued, "userEmail": f"user-{user}@owners.example", "userId": int(user)})


def labels(call: Call) -> Answer:
    return Answer(200, {"results": [_type_json(kind.type_id) for kind in association_types(*_pair(call))]})


def _type_json(type_id: int) -> Json:
    label = ASSOCIATION_TYPES[type_id].label
    return {"category": "HUBSPOT_DEFINED", "typeId": type_id} | ({"label": label} if label else {})
