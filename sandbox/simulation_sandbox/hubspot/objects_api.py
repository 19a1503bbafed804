"""/crm/…/objects: one object, a page of objects, and batches of them."""

from __future__ import annotations

from typing import Any

from simulation_core.clock import now_ms
from simulation_sandbox.hubspot import associations
from simulation_sandbox.hubspot.answers import Answer, Json, invalid
from simulation_sandbox.hubspot.batches import (
    batch_answer,
    inputs_of,
    key_of,
    prepare_create,
    prepare_update,
    prepare_upsert,
    refuse_duplicates,
    write,
)
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.object_types import ObjectType, object_type
from simulation_sandbox.hubspot.records import Record, Records

SYSTEM_PROPERTIES = ("createdate", "hs_object_id")
PAGE_LIMIT = 100


def _records(call: Call) -> Records:
    return call.account.objects[object_type(call.path["objectType"]).name]


def property_names(kind: ObjectType, wanted: list[str]) -> list[str]:
    return [*(wanted or kind.read_by_default), *SYSTEM_PROPERTIES, kind.modified_property]


def _listed(query_value: str | None) -> list[str]:
    return [name for name in (query_value or "").split(",") if name]


def _written_json(record: Record, trace_id: str | None) -> Json:
    body = record.as_json()
    if trace_id:
        body["objectWriteTraceId"] = trace_id
    return body


def batch_upsert(call: Call) -> Answer:
    return _batch_write(call, 200, prepare_upsert, upsert=True)


def batch_update(call: Call) -> Answer:
    return _batch_write(call, 200, prepare_update)


def batch_create(call: Call) -> Answer:
    return _batch_write(call, 201, prepare_create, keyed=False)


def _batch_write(call: Call, status: int, prepare: Any, *, upsert: bool = False, keyed: bool = True) -> Answer:
    started_ms, records = now_ms(), _records(call)
    inputs = inputs_of(call.body)
    if keyed:
        refuse_duplicates([key_of(given) for given in inputs])

    def associate(record: Record, wanted: list[Json]) -> None:
        associations.from_new(call.account, records.kind, record, wanted)

    written, errors = write(records, inputs, prepare, associate)
    call.records_written = len(written)
    if call.account.behaviour.companies_from_domains:
        _adopt(call, records.kind, [each.record for each in written if each.new])
    results = [_written_json(each.record, each.trace_id) | ({"new": each.new} if upsert else {}) for each in written]
    return batch_answer(call, status, results, errors, started_ms)


def _adopt(call: Call, kind: ObjectType, made: list[Record]) -> None:
    """HubSpot's own companies for new contacts, where the account is set so."""
    if kind.name == "contacts":
        for contact in made:
            call.account.domain_companies.adopt(contact, contact.created_ms)


def batch_read(call: Call) -> Answer:
    """What isn't there is no failure of the call: it is named in a 207's errors."""
    started_ms, records = now_ms(), _records(call)
    inputs = inputs_of(call.body)
    id_property = call.body.get("idProperty")
    names = property_names(records.kind, call.body.get("properties") or [])
    if id_property:
        names.append(id_property)
    find = records.find_archived if call.flag("archived") else records.find
    results, missing = [], []
    for key in dict.fromkeys(key_of(given) for given in inputs):
        record = find(key, id_property)
        if record is None:
            missing.append(key)
        else:
            results.append(record.as_json(names))
    return batch_answer(call, 200, results, [_not_there(records.kind, missing)] if missing else [], started_ms)


def _not_there(kind: ObjectType, keys: list[str]) -> Json:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {kind.name} objects, they may be deleted or not exist. Check that ids are valid.",
        "context": {"ids": keys},
        "errors": [],
        "links": {},
    }


def batch_archive(call: Call) -> Answer:
    for given in inputs_of(call.body):
        _archive(call, key_of(given))
    return Answer(204)


def _archive(call: Call, record_id: str) -> None:
    gone = _records(call).archive(record_id, now_ms())
    if gone is not None:
        associations.forget(call.account, gone)


def create(call: Call) -> Answer:
    records, given = _records(call), _given(call)
    wanted = prepare_create(records, given)
    record = records.create(wanted.values, now_ms())
    associations.from_new(call.account, records.kind, record, wanted.associations)
    if call.account.behaviour.companies_from_domains:
        _adopt(call, records.kind, [record])
    call.records_written = 1
    return Answer(201, record.as_json())


def read(call: Call) -> Answer:
    records = _records(call)
    id_property = call.query.get("idProperty")
    record = records.get(call.path["objectId"], id_property, archived=call.flag("archived"))
    names = property_names(records.kind, _listed(call.query.get("properties")))
    return Answer(200, record.as_json(names) | _associations_of(record, _listed(call.query.get("associations"))))


def update(call: Call) -> Answer:
    records, given = _records(call), _given(call)
    wanted = prepare_update(records, given | {"id": call.path["objectId"], "idProperty": call.query.get("idProperty")})
    assert wanted.record is not None
    records.update(wanted.record, wanted.values, now_ms())
    call.records_written = 1
    return Answer(200, wanted.record.as_json())


def archive(call: Call) -> Answer:
    _archive(call, call.path["objectId"])
    return Answer(204)


def page(call: Call) -> Answer:
    records = _records(call)
    limit = _page_limit(call.query.get("limit", "10"))
    shown = records.archived if call.flag("archived") else records.live
    after = _after(call.query.get("after") or "0")
    following = [record for record in shown.values() if int(record.id) > after][: limit + 1]
    names = property_names(records.kind, _listed(call.query.get("properties")))
    others = _listed(call.query.get("associations"))
    body: Json = {"results": [record.as_json(names) | _associations_of(record, others) for record in following[:limit]]}
    if len(following) > limit:
        body["paging"] = {"next": {"after": following[limit - 1].id}}
    return Answer(200, body)


def _page_limit(given: str) -> int:
    if not given.isdigit() or not 1 <= int(given) <= PAGE_LIMIT:
        raise invalid(f"limit must be a number from 1 to {PAGE_LIMIT}, not {given}")
    return int(given)


def _after(given: str) -> int:
    if not given.isdigit():
        raise invalid(f"after must be what paging.next.after said, not {given}")
    return int(given)


def _given(call: Call) -> Json:
    if not isinstance(call.body, dict) or not isinstance(call.body.get("properties"), dict):
        raise invalid("Some required fields were not set: [properties]")
    return call.body


def _associations_of(record: Record, wanted: list[str]) -> Json:
    linked = {}
    for name in wanted:
        kind = object_type(name)
        to = record.associated.get(kind.name, {})
        if to:
            linked[kind.name] = {"results": [{"id": other, "type": f"to_{kind.singular}"} for other in to]}
    return {"associations": linked} if linked else {}
