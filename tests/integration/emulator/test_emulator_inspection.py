"""What outsiders see: records with their writes and moments, counts, calls; and the server around it all."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from simulation_sandbox.hubspot.server import EmulatorServer

SERVE = "from simulation_sandbox.hubspot.server import serve; serve('127.0.0.1', {port})"


def upsert(http: httpx.Client, object_type: str, *keys: str, **properties: str) -> None:
    inputs = [{"id": key, "idProperty": "simulation_key", "properties": {"simulation_id": "run-1"} | properties} for key in keys]
    http.post(f"/crm/v3/objects/{object_type}/batch/upsert", json={"inputs": inputs}).raise_for_status()


def test_records_are_listed_page_by_page_and_by_simulation(keyed: httpx.Client) -> None:
    upsert(keyed, "companies", *(f"k-{n}" for n in range(25)), name="A")
    upsert(keyed, "companies", "other", name="B", simulation_id="run-2")
    found, after = [], None
    while True:
        page = keyed.get(
            "/_emulator/objects/companies", params={"simulation_id": "run-1", "limit": 10} | ({"after": after} if after else {})
        )
        found += [each["properties"]["simulation_key"] for each in page.json()["results"]]
        assert page.json()["total"] == 25
        after = page.json()["next"]
        if after is None:
            break
    assert sorted(found) == sorted(f"k-{n}" for n in range(25))


def test_the_summary_counts_objects_and_calls(keyed: httpx.Client) -> None:
    upsert(keyed, "companies", "k-1", "k-2", name="A")
    keyed.post("/crm/v3/objects/companies/batch/upsert", json={"inputs": "x"})
    summary = keyed.get("/_emulator/summary").json()
    assert summary["objects"] == {"contacts": 0, "companies": 2, "deals": 0}
    counted = {(each["path"], each["status"]): each["count"] for each in summary["calls"]["byPath"]}
    assert counted["/crm/v3/objects/companies/batch/upsert", 200] == 1
    assert counted["/crm/v3/objects/companies/batch/upsert", 400] == 1
    assert summary["calls"]["lastTenSeconds"] == summary["calls"]["total"] > 2
    assert len(summary["recordsPerSecond"]) == 60


def test_ids_in_paths_do_not_multiply_the_statistics(keyed: httpx.Client) -> None:
    for number in (1, 2, 3):
        keyed.get(f"/crm/v3/objects/companies/{number}")
    counted = {each["path"]: each["count"] for each in keyed.get("/_emulator/summary").json()["calls"]["byPath"]}
    assert counted["/crm/v3/objects/companies/{objectId}"] == 3


def test_the_newest_companies_come_with_their_contacts(keyed: httpx.Client) -> None:
    upsert(keyed, "companies", "c-1", name="Wind AG")
    upsert(keyed, "contacts", "p-1", firstname="Ada")
    company, contact = (keyed.get(f"/_emulator/objects/{kind}").json()["results"][0]["id"] for kind in ("companies", "contacts"))
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280}]
    body = {"inputs": [{"from": {"id": company}, "to": {"id": contact}, "types": types}]}
    keyed.post("/crm/v4/associations/companies/contacts/batch/create", json=body).raise_for_status()
    upsert(keyed, "companies", "c-2", name="Sun AG")
    newest = keyed.get("/_emulator/newest", params={"limit": 5}).json()["companies"]
    assert [each["properties"]["name"] for each in newest] == ["Sun AG", "Wind AG"]
    assert [each["properties"]["firstname"] for each in newest[1]["contacts"]] == ["Ada"]


def test_reset_and_clear_leave_nothing(keyed: httpx.Client, emulator: EmulatorServer) -> None:
    for empty in (lambda: keyed.post("/_emulator/reset").raise_for_status(), emulator.clear):
        keyed.post("/crm/v3/objects/companies", json={"properties": {"name": "A"}, "associations": []}).raise_for_status()
        empty()
        summary = keyed.get("/_emulator/summary").json()
        assert (summary["objects"]["companies"], summary["calls"]["total"], summary["faults"]) == (0, 0, [])


@pytest.mark.parametrize(
    "path",
    [
        "/_emulator/objects/unicorns",
        "/_emulator/objects/deals?limit=all",
        "/_emulator/objects/deals?account=1",
        "/_emulator/associations?from=x",
    ],
)
def test_a_question_that_makes_no_sense_is_refused(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 400


def test_the_page_needs_nothing_from_outside(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "/_emulator/summary" in page.text
    for outside in ("http://", "https://", 'src="', "@import", "url("):
        assert outside not in page.text


def test_a_stopped_server_comes_back_on_its_port_with_its_records() -> None:
    with EmulatorServer() as server:
        httpx.post(f"{server.url}/_emulator/accounts", json={"token": "a", "accountId": 9}).raise_for_status()
        url = server.url
        server.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        server.start()
        assert server.url == url
        assert [each["accountId"] for each in httpx.get(f"{url}/_emulator/summary").json()["accounts"]] == [424242, 9]


def test_sigterm_ends_the_process_in_good_order() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen([sys.executable, "-c", SERVE.format(port=port)], env=environment)
    try:
        deadline = time.monotonic() + 20
        while not answers(f"http://127.0.0.1:{port}/"):
            assert process.poll() is None, "the emulator ended by itself"
            assert time.monotonic() < deadline, "the emulator did not answer in time"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(5)


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=1).status_code == 200
    return False


def test_five_thousand_records_a_second_are_no_effort(keyed: httpx.Client) -> None:
    bodies = [
        {"inputs": [{"id": f"k-{b}-{n}", "idProperty": "simulation_key", "properties": {"name": "A", "city": "B"}} for n in range(100)]}
        for b in range(40)
    ]
    began = time.process_time()
    for body in bodies:
        keyed.post("/crm/v3/objects/companies/batch/upsert", json=body).raise_for_status()
    rate = 4000 / (time.process_time() - began)
    assert rate > 5000, f"{rate:.0f} records per second of a processor, client included"
