"""/crm/…/owners and /crm/…/pipelines: who may own a record and where a deal may stand."""

from __future__ import annotations

from simulation_sandbox.hubspot.answers import Answer, Json, invalid, not_found
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.object_types import object_type
from simulation_sandbox.hubspot.pipelines import Pipelines

MAX_OWNERS = 500


def owners(call: Call) -> Answer:
    """A page of owners; `email` picks one of them."""
    email, after = call.query.get("email"), call.query.get("after", "0")
    limit = call.query.get("limit", "100")
    if not limit.isdigit() or not 1 <= int(limit) <= MAX_OWNERS or not after.isdigit():
        raise invalid(f"limit must be a number from 1 to {MAX_OWNERS}, and after what paging.next.after said")
    fitting = [
        owner
        for owner in call.account.owners.listed(archived=call.flag("archived"))
        if email in (None, "", owner.email) and int(owner.id) > int(after)
    ]
    shown = fitting[: int(limit)]
    body: Json = {"results": [owner.as_json() for owner in shown]}
    if len(fitting) > len(shown):
        body["paging"] = {"next": {"after": shown[-1].id}}
    return Answer(200, body)


def owner(call: Call) -> Answer:
    """By id, or with ?idProperty=userId by the user's."""
    wanted = call.path["ownerId"]
    by_user = call.query.get("idProperty") == "userId"
    for each in call.account.owners.listed(archived=call.flag("archived")):
        if wanted == (str(each.user_id) if by_user else each.id):
            return Answer(200, each.as_json())
    raise not_found(f"Owner {wanted} does not exist.")


def _pipelines(call: Call) -> Pipelines:
    return call.account.pipelines[object_type(call.path["objectType"]).name]


def pipelines(call: Call) -> Answer:
    return Answer(200, {"results": [each.as_json() for each in _pipelines(call).by_id.values()]})


def pipeline(call: Call) -> Answer:
    return Answer(200, _pipelines(call).get(call.path["pipelineId"]).as_json())


def create_pipeline(call: Call) -> Answer:
    return Answer(201, _pipelines(call).create(call.body).as_json())


def update_pipeline(call: Call) -> Answer:
    return Answer(200, _pipelines(call).update(call.path["pipelineId"], call.body or {}).as_json())


def replace_pipeline(call: Call) -> Answer:
    return Answer(200, _pipelines(call).update(call.path["pipelineId"], call.body, whole=True).as_json())


def archive_pipeline(call: Call) -> Answer:
    _pipelines(call).archive(call.path["pipelineId"])
    return Answer(204)


def stages(call: Call) -> Answer:
    found = _pipelines(call).get(call.path["pipelineId"])
    return Answer(200, {"results": [stage.as_json() for stage in found.stages.values()]})


def stage(call: Call) -> Answer:
    return Answer(200, _pipelines(call).get(call.path["pipelineId"]).stage(call.path["stageId"]).as_json())


def create_stage(call: Call) -> Answer:
    return Answer(201, _pipelines(call).create_stage(call.path["pipelineId"], call.body).as_json())


def update_stage(call: Call) -> Answer:
    return Answer(200, _pipelines(call).update_stage(call.path["pipelineId"], call.path["stageId"], call.body).as_json())


def replace_stage(call: Call) -> Answer:
    changed = _pipelines(call).update_stage(call.path["pipelineId"], call.path["stageId"], call.body, whole=True)
    return Answer(200, changed.as_json())


def archive_stage(call: Call) -> Answer:
    _pipelines(call).archive_stage(call.path["pipelineId"], call.path["stageId"])
    return Answer(204)


def audit(call: Call) -> Answer:
    """Nobody's changes are kept: an empty history of what is there."""
    found = _pipelines(call).get(call.path["pipelineId"])
    if "stageId" in call.path:
        found.stage(call.path["stageId"])
    return Answer(200, {"results": []})
