"""/crm/v3/objects/{type}/merge and /crm/v3/objects/contacts/gdpr-delete: what makes two objects one, and one object none."""

from __future__ import annotations

from simulation_core.clock import now_ms
from simulation_sandbox.hubspot import associations
from simulation_sandbox.hubspot.answers import Answer, invalid
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.object_types import object_type


def merge(call: Call) -> Answer:
    """The primary object keeps its values, takes those it lacks and the associations; the other one is archived."""
    given = call.body if isinstance(call.body, dict) else {}
    if missing := [name for name in ("primaryObjectId", "objectIdToMerge") if not given.get(name)]:
        raise invalid(f"Some required fields were not set: [{', '.join(missing)}]")
    records = call.account.objects[object_type(call.path["objectType"]).name]
    kept, gone = records.get(str(given["primaryObjectId"])), records.get(str(given["objectIdToMerge"]))
    if kept is gone:
        raise invalid(f"{kept.id} can't be merged with itself.")
    associations.move(call.account, gone, kept)
    moment = now_ms()
    records.archive(gone.id, moment)
    unique = records.properties.unique_names
    records.update(
        kept, {name: value for name, value in gone.properties.items() if name not in kept.properties and name not in unique}, moment
    )
    call.records_written = 1
    return Answer(200, kept.as_json())


def gdpr_delete(call: Call) -> Answer:
    """Gone for ever, and its e-mail can't come back: never for cleaning up."""
    given = call.body if isinstance(call.body, dict) else {}
    if not given.get("objectId"):
        raise invalid("Some required fields were not set: [objectId]")
    records = call.account.objects["contacts"]
    gone = records.find(str(given["objectId"]), given.get("idProperty"))
    if gone is not None:
        associations.forget(call.account, gone)
        records.purge(gone.id, now_ms())
    return Answer(204)
