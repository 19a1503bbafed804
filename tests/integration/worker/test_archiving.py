"""Archiving what a run created, against the emulator: exactly that, all of it, whatever comes late and wherever it is stopped."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from simulation_core.ledger import claims, control
from simulation_core.ledger.errands import Done, Later
from simulation_core.ledger.values import Claimed
from simulation_core.reasons import Reason
from simulation_worker import archiving, walking


@pytest.fixture
def asked(undertaken: Any) -> Callable[[uuid.UUID], Any]:
    return lambda run: undertaken(run, "archive", partial(archiving.archive, sweep_again_ms=0))


@pytest.fixture(autouse=True)
def _at_once(outside: Any) -> None:
    outside.behaves(searchLagMilliseconds=0)


def test_exactly_what_the_run_created_is_archived(delivered: Any, asked: Any, outside: Any, engine: Any) -> None:
    other, run = delivered(records=4), delivered()
    outside.call("/crm/v3/objects/companies", {"properties": {"name": "by hand", "domain": "example.org"}})
    control.delete(engine, run)
    assert asked(run).done() == {"done": 60, "total": 60}
    assert sorted(outside.keys("contacts")) == sorted(f"{other}-{record}-p0" for record in range(4))
    names = [each["properties"].get("simulation_key") for each in outside.objects("companies")]
    assert sorted(filter(None, names)) == sorted(f"{other}-{record}-c" for record in range(4))
    assert len(names) == 5


def test_what_somebody_else_wrote_under_the_runs_id_stays_and_is_counted(delivered: Any, asked: Any, outside: Any, engine: Any) -> None:
    """A clone or an import of a record brings the id along, which isn't unique; the key is."""
    run, other = delivered(records=3), delivered(records=1)
    strangers = [
        {"name": "cloned"},
        {"name": "imported", "simulation_key": f"{other}-7-c"},
        {"name": "a contact's key", "simulation_key": f"{run}-1-p0"},
    ]
    for stranger in strangers:
        outside.call("/crm/v3/objects/companies", {"properties": {**stranger, "simulation_id": str(run)}})
    control.delete(engine, run)
    archival = asked(run)
    end = archival.attempted()
    assert isinstance(end, Later)
    assert "Left as they are: 3 objects" in end.message
    assert archival.done() == {"done": 6, "total": 6, "left": 3}
    assert {each["properties"]["name"] for each in outside.objects("companies")} >= {stranger["name"] for stranger in strangers}
    assert outside.keys("contacts") == [f"{other}-0-p0"]


def test_contacts_go_before_their_companies(delivered: Any, asked: Any, outside: Any, engine: Any) -> None:
    run = delivered(records=3)
    control.delete(engine, run)
    outside.fault("companies/batch/archive", "status", times=None, status=400)
    end = asked(run).attempted()
    assert isinstance(end, Later)
    assert end.reason is Reason.PORTAL_UNAVAILABLE
    assert "companies/batch/archive" in end.message
    assert (outside.keys("contacts"), len(outside.keys("companies"))) == ([], 3)


def test_what_was_written_of_records_that_failed_half_way_goes_too(
    ledger: Any, make_desk: Any, delivery: Any, request_for: Any, asked: Any, outside: Any, engine: Any
) -> None:
    outside.limits_off()
    run = ledger.publish(records=3)
    outside.behaves(searchLagMilliseconds=600_000)  # found by their keys, not by a search
    outside.fault("contacts/batch/upsert", "status", times=None, status=400)
    delivery.deliver(request_for(run), make_desk())
    outside.no_faults()
    assert len(outside.keys("companies")) == 3
    control.delete(engine, run)
    assert asked(run).done()["done"] == 3
    assert outside.keys("companies") == []


def test_it_waits_until_nobody_delivers_any_more(ledger: Any, asked: Any, engine: Any, request_for: Any) -> None:
    run = ledger.publish(records=3)
    (claimed,) = claims.claim(engine, [request_for(run)], lease_ms=60_000)
    assert isinstance(claimed, Claimed)
    archival = asked(run)
    assert archival.attempted().reason is Reason.DRAINING  # the run has not even been ended
    control.delete(engine, run)
    end = archival.attempted()
    assert "Draining 1" in end.message
    ledger.expire(run)
    assert archival.done() == {"done": 0, "total": 0}


def test_what_a_lost_claim_wrote_after_the_first_round_is_found_by_the_next(delivered: Any, asked: Any, outside: Any, engine: Any) -> None:
    run = delivered(records=3)
    control.delete(engine, run)
    archival = asked(run)
    end = archival.attempted()
    assert isinstance(end, Later)
    assert end.reason is Reason.ARCHIVING
    assert "nothing more is found 80 seconds later" in end.message
    assert outside.keys("companies") == []
    late = {"id": f"{run}-1-c", "idProperty": "simulation_key"}
    properties = {"simulation_key": f"{run}-1-c", "simulation_id": str(run), "name": "late"}
    outside.call("/crm/v3/objects/companies/batch/upsert", {"inputs": [{**late, "properties": properties}]})
    assert outside.keys("companies") == [f"{run}-1-c"]
    assert isinstance(archival.attempted(), Later)  # it found something: once more
    assert archival.done() == {"done": 7, "total": 7}
    assert outside.keys("companies") == []


def test_a_search_that_still_shows_what_is_archived_makes_it_no_more(
    delivered: Any, asked: Any, outside: Any, engine: Any, until: Any
) -> None:
    run = delivered()
    outside.behaves(searchLagMilliseconds=2_000)
    query = {"filterGroups": [{"filters": [{"propertyName": "simulation_id", "operator": "EQ", "value": str(run)}]}]}
    until(lambda: outside.call("/crm/v3/objects/contacts/search", query)["total"] == 30)
    control.delete(engine, run)
    assert asked(run).done() == {"done": 60, "total": 60}


def test_stopped_after_any_step_it_goes_on_and_counts_nothing_twice(
    delivered: Any, asked: Any, outside: Any, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "RECORDS_A_STEP", 10)
    run = delivered()
    control.delete(engine, run)
    archival, attempts = asked(run), 0
    while True:
        stopping = threading.Event()
        archival.steps = stopping.set
        end = archival.attempted(stopping)
        attempts += 1
        if isinstance(end, Done):
            break
    assert attempts > 5
    assert end.result == {"done": 60, "total": 60}
    assert outside.objects("companies") == outside.objects("contacts") == []
