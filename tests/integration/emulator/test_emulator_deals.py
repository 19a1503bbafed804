"""Deals: in which pipeline and stage they may stand, who may own them, and HubSpot's words where they can't."""

from __future__ import annotations

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.deals import BatchInputSimplePublicObjectBatchInputUpsert, SimplePublicObjectBatchInputUpsert
from hubspot.crm.pipelines import PipelineInput, PipelinePatchInput, PipelineStageInput, PipelineStagePatchInput

UPSERT = "/crm/v3/objects/deals/batch/upsert"
DEAL = {"dealname": "Wind", "dealstage": "closedwon", "pipeline": "default", "amount": "12000.50", "closedate": "2026-12-01"}


def upsert(http: httpx.Client, *, key: str = "k-1", **properties: str) -> httpx.Response:
    return http.post(UPSERT, json={"inputs": [{"id": key, "idProperty": "simulation_key", "properties": properties}]})


def why(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, and the code and property of the first error."""
    first = answer.json()["errors"][0]
    return answer.status_code, first["code"], first["context"]["propertyName"][0]


def renewals(http: httpx.Client) -> httpx.Response:
    stages = [
        {"stageId": "due", "label": "Due", "displayOrder": 0, "metadata": {"probability": "0.5"}},
        {"stageId": "renewed", "label": "Renewed", "displayOrder": 1, "metadata": {"probability": "1.0"}},
    ]
    wanted = {"pipelineId": "renewals", "label": "Renewals", "displayOrder": 1, "stages": stages}
    return http.post("/crm/v3/pipelines/deals", json=wanted)


def test_deals_are_upserted_through_their_own_api(keyed: httpx.Client, sdk: HubSpot) -> None:
    given = SimplePublicObjectBatchInputUpsert(id="k-1", id_property="simulation_key", properties=DEAL)
    api = sdk.crm.deals.batch_api
    first = api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=[given])).results[0]
    again = api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=[given])).results[0]
    assert (first.new, again.new, again.id) == (True, False, first.id)
    assert first.properties["amount"] == "12000.50"


@pytest.mark.parametrize("missing", ["dealname", "dealstage", "pipeline"])
def test_a_new_deal_needs_a_name_a_stage_and_a_pipeline(keyed: httpx.Client, missing: str) -> None:
    answer = upsert(keyed, **{name: value for name, value in DEAL.items() if name != missing})
    assert answer.status_code == 400
    assert answer.json()["message"].endswith(f"[{missing}]")
    upsert(keyed, **DEAL).raise_for_status()
    assert upsert(keyed, amount="7").status_code == 200  # it is no new one


@pytest.mark.parametrize(
    ("changes", "code", "name"),
    [
        ({"pipeline": "elsewhere"}, "INVALID_OPTION", "pipeline"),
        ({"dealstage": "almost"}, "INVALID_OPTION", "dealstage"),
        ({"hubspot_owner_id": "1"}, "INVALID_OWNER_ID", "hubspot_owner_id"),
        ({"hubspot_owner_id": "71000009"}, "INVALID_OWNER_ID", "hubspot_owner_id"),  # archived
        ({"amount": "much"}, "INVALID_INTEGER", "amount"),
        ({"closedate": "soon"}, "INVALID_DATE", "closedate"),
    ],
)
def test_what_a_deal_refers_to_must_be_there(keyed: httpx.Client, changes: dict[str, str], code: str, name: str) -> None:
    answer = upsert(keyed, **(DEAL | changes))
    assert why(answer) == (400, code, name)
    assert changes[name] in answer.json()["message"]


def test_with_trace_ids_only_the_deal_with_the_unknown_stage_fails(keyed: httpx.Client) -> None:
    inputs = [
        {"id": key, "idProperty": "simulation_key", "objectWriteTraceId": key, "properties": DEAL | {"dealstage": stage}}
        for key, stage in (("k-1", "closedlost"), ("k-2", "almost"))
    ]
    answer = keyed.post(UPSERT, json={"inputs": inputs})
    assert answer.status_code == 207
    assert [each["context"]["objectWriteTraceId"] for each in answer.json()["errors"]] == [["k-2"]]
    assert [each["objectWriteTraceId"] for each in answer.json()["results"]] == ["k-1"]


@pytest.mark.parametrize("object_type", ["companies", "contacts", "deals"])
def test_each_type_can_have_an_owner(keyed: httpx.Client, sdk: HubSpot, object_type: str) -> None:
    owner = sdk.crm.owners.owners_api.get_page(email="ben.winter@owners.example").results[0]
    needed = {"companies": {"name": "A"}, "contacts": {"email": "a@b.example"}, "deals": DEAL}[object_type]
    for owner_id, status in ((owner.id, 200), ("5", 400)):
        properties = needed | {"hubspot_owner_id": owner_id}
        body = {"inputs": [{"id": "k-1", "idProperty": "simulation_key", "properties": properties}]}
        assert keyed.post(f"/crm/v3/objects/{object_type}/batch/upsert", json=body).status_code == status


def test_a_stage_belongs_to_its_pipeline(keyed: httpx.Client) -> None:
    renewals(keyed).raise_for_status()
    assert upsert(keyed, **(DEAL | {"pipeline": "renewals", "dealstage": "due"})).status_code == 200
    astray = upsert(keyed, key="k-2", **(DEAL | {"pipeline": "renewals"}))
    assert why(astray) == (400, "INVALID_OPTION", "dealstage")
    assert "[due, renewed]" in astray.json()["message"]
    assert upsert(keyed, dealstage="closedwon").status_code == 400  # it stands in renewals
    assert upsert(keyed, dealstage="renewed").status_code == 200


def test_a_stage_that_was_removed_takes_no_more_deals(keyed: httpx.Client, sdk: HubSpot) -> None:
    upsert(keyed, **DEAL).raise_for_status()
    sdk.crm.pipelines.pipeline_stages_api.archive("deals", "default", "closedwon")
    assert why(upsert(keyed, **DEAL)) == (400, "INVALID_OPTION", "dealstage")
    offered = keyed.get("/crm/v3/properties/deals/dealstage").json()["options"]
    assert [each["value"] for each in offered][-2:] == ["contractsent", "closedlost"]


def test_stages_that_can_not_replace_the_others_leave_them(http: httpx.Client) -> None:
    stages = [{"label": "S", "displayOrder": 0, "metadata": {}}]
    assert http.put("/crm/v3/pipelines/deals/default", json={"label": "R", "displayOrder": 0, "stages": stages}).status_code == 400
    assert len(http.get("/crm/v3/pipelines/deals/default/stages").json()["results"]) == 7


def test_pipelines_and_stages_are_made_changed_and_removed(http: httpx.Client, sdk: HubSpot) -> None:
    pipelines, stages = sdk.crm.pipelines.pipelines_api, sdk.crm.pipelines.pipeline_stages_api
    made = renewals(http).json()
    assert [(each["id"], each["metadata"]["isClosed"]) for each in made["stages"]] == [("due", "false"), ("renewed", "true")]
    assert renewals(http).status_code == 409
    assert pipelines.update("deals", "renewals", PipelinePatchInput(label="Again")).label == "Again"
    added = stages.create("deals", "renewals", PipelineStageInput(label="Lost", display_order=2, metadata={"probability": "0.0"}))
    assert stages.get_by_id("deals", "renewals", added.id).label == "Lost"
    changed = stages.update("deals", "renewals", added.id, PipelineStagePatchInput(metadata={"probability": "0.1"}))
    assert changed.metadata == {"isClosed": "false", "probability": "0.1"}
    assert (
        stages.replace("deals", "renewals", added.id, PipelineStageInput(label="L", display_order=3, metadata={"probability": "0"})).label
        == "L"
    )
    assert len(pipelines.get_by_id("deals", "renewals").stages) == 3
    replaced = pipelines.replace("deals", "renewals", PipelineInput(label="R", display_order=1, stages=[]))
    assert (replaced.label, replaced.stages) == ("R", [])
    pipelines.archive("deals", "renewals")
    assert [each.id for each in pipelines.get_all("deals").results] == ["default"]
    assert sdk.crm.pipelines.pipeline_audits_api.get_audit("deals", "default").results == []
    assert http.get("/crm/v3/pipelines/deals/default/stages/closedwon/audit").json() == {"results": []}


@pytest.mark.parametrize("probability", ["2", "likely", None])
def test_a_deal_stage_needs_a_probability(http: httpx.Client, probability: str | None) -> None:
    metadata = {} if probability is None else {"probability": probability}
    body = {"label": "S", "displayOrder": 0, "metadata": metadata}
    assert http.post("/crm/v3/pipelines/deals/default/stages", json=body).status_code == 400


def test_owners_come_in_pages_and_those_who_left_apart(sdk: HubSpot) -> None:
    api = sdk.crm.owners.owners_api
    first = api.get_page(limit=2)
    rest = api.get_page(limit=2, after=first.paging.next.after)
    assert [each.first_name for each in (*first.results, *rest.results)] == ["Ada", "Ben", "Cleo"]
    assert rest.paging is None
    assert [each.archived for each in api.get_page(archived=True).results] == [True]
    assert api.get_by_id(first.results[0].user_id, id_property="userId").id == first.results[0].id
