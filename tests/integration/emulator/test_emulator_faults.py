"""Faults on demand: each kind does what its name says, as often as asked, where asked."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.objects import BatchInputSimplePublicObjectBatchInputUpsert, SimplePublicObjectBatchInputUpsert
from hubspot.crm.objects.exceptions import ApiException
from urllib3.exceptions import HTTPError

UPSERT = "/crm/v3/objects/companies/batch/upsert"


def fault(http: httpx.Client, **wanted: Any) -> None:
    http.post("/_emulator/faults", json=wanted).raise_for_status()


def upsert(http: httpx.Client, key: str) -> httpx.Response:
    return http.post(UPSERT, json={"inputs": [{"id": key, "idProperty": "simulation_key", "properties": {"name": key}}]})


def keys(http: httpx.Client) -> list[str]:
    return [each["properties"]["simulation_key"] for each in http.get("/_emulator/objects/companies").json()["results"]]


def test_a_lost_response_leaves_its_writes_behind(keyed: httpx.Client) -> None:
    fault(keyed, kind="lose_response", match="companies/batch/upsert")
    with pytest.raises(httpx.RemoteProtocolError):
        upsert(keyed, "k-1")
    assert keys(keyed) == ["k-1"]
    again = upsert(keyed, "k-1").json()["results"][0]
    assert not again["new"]
    assert keys(keyed) == ["k-1"]


def test_a_reset_connection_wrote_nothing(keyed: httpx.Client) -> None:
    fault(keyed, kind="reset", match="upsert")
    with pytest.raises(httpx.ReadError, match="reset"):
        upsert(keyed, "k-1")
    assert keys(keyed) == []


@pytest.mark.parametrize("kind", ["lose_response", "reset"])
def test_the_sdk_meets_a_cut_connection_as_a_raw_urllib3_error(keyed: httpx.Client, sdk: HubSpot, kind: str) -> None:
    fault(keyed, kind=kind, match="upsert")
    given = SimplePublicObjectBatchInputUpsert(id="k-1", id_property="simulation_key", properties={"name": "A"})
    with pytest.raises(HTTPError):
        sdk.crm.objects.batch_api.upsert("companies", BatchInputSimplePublicObjectBatchInputUpsert(inputs=[given]))


@pytest.mark.parametrize("status", [401, 403, 423, 429, 477, 500, 502, 503, 504, 520, 521, 522, 523, 524])
def test_any_status_can_be_had_and_nothing_is_written(keyed: httpx.Client, status: int) -> None:
    fault(keyed, kind="status", status=status, match="upsert")
    assert upsert(keyed, "k-1").status_code == status
    assert keys(keyed) == []
    assert upsert(keyed, "k-1").status_code == 200


def test_a_status_may_carry_a_wait(keyed: httpx.Client) -> None:
    fault(keyed, kind="status", status=477, match="upsert", retryAfterSeconds=17)
    assert upsert(keyed, "k-1").headers["Retry-After"] == "17"
    fault(keyed, kind="status", status=429, match="upsert")
    answer = upsert(keyed, "k-1")
    assert "Retry-After" not in answer.headers
    assert answer.json()["policyName"] == "TEN_SECONDLY_ROLLING"


def test_the_edge_answers_in_html(keyed: httpx.Client, sdk: HubSpot) -> None:
    fault(keyed, kind="status", status=502, match="upsert")
    given = SimplePublicObjectBatchInputUpsert(id="k-1", id_property="simulation_key", properties={"name": "A"})
    with pytest.raises(ApiException) as refused:
        sdk.crm.objects.batch_api.upsert("companies", BatchInputSimplePublicObjectBatchInputUpsert(inputs=[given]))
    assert refused.value.body.startswith("<html>")


def test_latency_delays_and_then_does_the_work(keyed: httpx.Client) -> None:
    fault(keyed, kind="latency", milliseconds=150, match="upsert")
    started = time.monotonic()
    assert upsert(keyed, "k-1").status_code == 200
    assert time.monotonic() - started >= 0.15


def test_a_write_is_applied_after_the_client_gave_up(keyed: httpx.Client) -> None:
    fault(keyed, kind="latency", milliseconds=300, match="upsert")
    body = {"inputs": [{"id": "k-1", "idProperty": "simulation_key", "properties": {"name": "A"}}]}
    with pytest.raises(httpx.ReadTimeout):
        keyed.post(UPSERT, json=body, timeout=0.05)
    assert keys(keyed) == []
    deadline = time.monotonic() + 5
    while keys(keyed) != ["k-1"]:
        assert time.monotonic() < deadline, "the write never came"


def test_a_write_may_come_after_the_connection_was_closed(keyed: httpx.Client) -> None:
    fault(keyed, kind="late_write", milliseconds=300, match="upsert")
    with pytest.raises(httpx.RemoteProtocolError):
        upsert(keyed, "k-1")
    assert keys(keyed) == []
    deadline = time.monotonic() + 5
    while keys(keyed) != ["k-1"]:
        assert time.monotonic() < deadline, "the write never came"


def test_a_late_write_finds_what_was_written_meanwhile(keyed: httpx.Client) -> None:
    fault(keyed, kind="late_write", milliseconds=200, match="upsert")
    with pytest.raises(httpx.RemoteProtocolError):
        upsert(keyed, "k-1")
    upsert(keyed, "k-1").raise_for_status()
    deadline = time.monotonic() + 5
    while keyed.get("/_emulator/objects/companies").json()["results"][0]["writes"] != 2:
        assert time.monotonic() < deadline, "the write never came"
    assert keys(keyed) == ["k-1"]


def test_of_two_upserts_of_a_new_key_at_once_one_is_refused(keyed: httpx.Client) -> None:
    fault(keyed, kind="race", match="upsert", times=2)
    refused = upsert(keyed, "k-1")
    assert (refused.status_code, refused.json()["category"]) == (409, "CONFLICT")
    assert keys(keyed) == ["k-1"]  # the other one's
    again = upsert(keyed, "k-1")  # it is no new key any more
    assert (again.status_code, again.json()["results"][0]["new"]) == (200, False)


def test_a_storm_lasts_as_long_as_asked(keyed: httpx.Client) -> None:
    fault(keyed, kind="status", status=429, match="upsert", forMilliseconds=400)
    started = time.monotonic()
    while upsert(keyed, "k-1").status_code == 429:
        assert time.monotonic() - started < 5
    assert time.monotonic() - started >= 0.35
    assert keyed.get("/_emulator/faults").json()["results"] == []


def test_latency_and_another_fault_befall_the_same_call(keyed: httpx.Client) -> None:
    fault(keyed, kind="latency", milliseconds=100, match="upsert")
    fault(keyed, kind="status", status=503, match="upsert")
    started = time.monotonic()
    assert upsert(keyed, "k-1").status_code == 503
    assert time.monotonic() - started >= 0.1


def test_an_answer_may_drip(keyed: httpx.Client) -> None:
    fault(keyed, kind="slow_drip", milliseconds=200, match="upsert")
    started = time.monotonic()
    assert json.loads(upsert(keyed, "k-1").content)["status"] == "COMPLETE"
    assert time.monotonic() - started >= 0.2


def test_a_fault_happens_as_often_as_asked_and_only_where_asked(keyed: httpx.Client) -> None:
    fault(keyed, kind="status", status=500, match="POST /crm/v3/objects/companies", times=2)
    assert keyed.get("/crm/v3/objects/companies").status_code == 200
    assert [upsert(keyed, "k-1").status_code for _ in range(3)] == [500, 500, 200]


def test_faults_without_end_are_seen_and_deleted(keyed: httpx.Client) -> None:
    fault(keyed, kind="status", status=500, match="upsert", times=None)
    assert {upsert(keyed, "k-1").status_code for _ in range(5)} == {500}
    assert keyed.get("/_emulator/faults").json()["results"][0]["taken"] == 5
    keyed.delete("/_emulator/faults").raise_for_status()
    assert upsert(keyed, "k-1").status_code == 200


def test_a_share_of_the_calls_fails(keyed: httpx.Client) -> None:
    fault(keyed, kind="status", status=500, match="upsert", times=None, percent=30)
    failed = sum(upsert(keyed, "k-1").status_code == 500 for _ in range(100))
    assert 15 <= failed <= 45


@pytest.mark.parametrize("wanted", [{"kind": "earthquake"}, {"kind": "status", "status": "high"}, {}])
def test_what_is_no_fault_is_refused(http: httpx.Client, wanted: dict[str, Any]) -> None:
    answer = http.post("/_emulator/faults", json=wanted)
    assert answer.status_code == 400
    assert "lose_response" in answer.json()["message"]


def test_a_share_with_a_seed_befalls_the_same_calls_again(keyed: httpx.Client) -> None:
    runs = []
    for _ in range(2):
        fault(keyed, kind="status", status=500, match="upsert", times=None, percent=30, seed=7)
        runs.append([upsert(keyed, "k-1").status_code for _ in range(40)])
        keyed.delete("/_emulator/faults").raise_for_status()
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


def test_a_mix_has_its_share_of_every_kind(keyed: httpx.Client) -> None:
    wanted = {"percent": 8, "seed": 3, "match": "upsert", "milliseconds": 1}
    keyed.post("/_emulator/faults/mix", json=wanted).raise_for_status()
    answered = [_answered(keyed, f"k-{number}") for number in range(300)]
    (mix,) = keyed.get("/_emulator/faults").json()["results"]
    assert set(mix["taken"]) == {
        "throttled", "locked", "moving", "error", "edge", "latency", "lose_response", "late_write", "race", "reset", "slow_drip",
    }  # fmt: skip
    assert all(10 <= count <= 40 for count in mix["taken"].values()), mix["taken"]
    assert {0, 200, 409, 423, 429, 477, 500} <= set(answered)
    written = sum(mix["taken"][kind] for kind in ("lose_response", "late_write", "race"))
    deadline = time.monotonic() + 5
    while len(keys(keyed)) != answered.count(200) + written:
        assert time.monotonic() < deadline, "what was answered or written in silence is there"
    assert len(set(keys(keyed))) == len(keys(keyed))


def _answered(http: httpx.Client, key: str) -> int:
    try:
        return upsert(http, key).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.parametrize("wanted", [{"kinds": ["earthquake"]}, {"percent": 50}, {"percent": 0}, {"seed": "x"}])
def test_what_is_no_mix_is_refused(http: httpx.Client, wanted: dict[str, Any]) -> None:
    assert http.post("/_emulator/faults/mix", json=wanted).status_code == 400
