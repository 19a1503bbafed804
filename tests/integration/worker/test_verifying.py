"""Verifying what a run created, against the emulator: exact counts, first keys, whatever the search lags behind, resumed after a stop."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from simulation_core.ledger import errands
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.errands import Done, Errand, ErrandEnd, Later
from simulation_core.ledger.values import ClaimRequest
from simulation_worker import verifying
from simulation_worker.errands import Undertaking
from simulation_worker.lease import ErrandLease


class Asked:
    """An errand as a worker carries it out, attempt by attempt, in the test's thread."""

    def __init__(self, engine: Engine, desk: Any, run: uuid.UUID, kind: str, perform: Callable[[Undertaking], ErrandEnd]) -> None:
        self.engine, self.desk, self.run, self.kind, self.perform = engine, desk, run, kind, perform
        self.attempt = 0
        self.steps: Callable[[], None] = lambda: None
        errands.ask(engine, run, kind, token="one")

    def attempted(self, stopping: threading.Event | None = None) -> ErrandEnd:
        with transaction(self.engine) as connection:
            connection.execute(text("UPDATE errands SET not_before = statement_timestamp()"))
        self.attempt += 1
        errand = errands.claim(self.engine, self.kind, ClaimRequest(self.run, 0, self.attempt), lease_ms=60_000)
        assert isinstance(errand, Errand)
        lease = ErrandLease(self.engine, errand.fence, lease_ms=60_000, asked_s=time.monotonic())

        def save(progress: Any) -> None:
            assert errands.save(self.engine, errand.fence, progress)
            self.steps()

        undertaking = Undertaking(
            errand=errand, engine=self.engine, desk=self.desk, lease=lease, stopping=stopping or threading.Event(), save=save
        )
        end = self.perform(undertaking)
        assert errands.end(self.engine, errand.fence, end)
        return end

    def done(self, most_attempts: int = 30) -> dict[str, Any]:
        for _ in range(most_attempts):
            end = self.attempted()
            if isinstance(end, Done):
                return dict(end.result)
            assert end.reason is None or end.reason == "Draining", end
        raise AssertionError("it doesn't end")


@pytest.fixture
def delivered(ledger: Any, make_desk: Any, delivery: Any, request_for: Any, outside: Any) -> Callable[..., uuid.UUID]:
    """A run of which all batches were delivered."""

    def make(records: int = 30, batch_size: int = 10, **spec: Any) -> uuid.UUID:
        outside.limits_off()
        run, desk = ledger.publish(records=records, batch_size=batch_size, **spec), make_desk()
        for batch in range(-(-records // batch_size)):
            assert delivery.deliver(request_for(run, batch=batch), desk).what == "finished"
        return run

    return make


@pytest.fixture
def asked(engine: Engine, make_desk: Any) -> Callable[[uuid.UUID], Asked]:
    def ask(run: uuid.UUID) -> Asked:
        desk = make_desk()
        assert desk.make_ready()
        return Asked(engine, desk, run, "verify", partial(verifying.verify, pass_again_ms=0))

    return ask


def crm(outside: Any, path: str, body: dict[str, Any]) -> None:
    httpx.post(outside.url + path, json=body, headers={"Authorization": "Bearer any"}).raise_for_status()


def object_ids(outside: Any, kind: str) -> dict[str, str]:
    return {each["properties"]["simulation_key"]: each["id"] for each in outside.objects(kind)}


def behaves(outside: Any, **wanted: Any) -> None:
    httpx.post(outside.url + "/_emulator/behaviour", json=wanted).raise_for_status()


def test_all_is_there_and_nothing_else(delivered: Any, asked: Any, outside: Any) -> None:
    behaves(outside, searchLagMilliseconds=0)
    another = delivered(records=3)
    run = delivered()
    result = asked(run).done()
    whole = {"expected": 30, "found": 30, "missing": 0, "surplus": 0}
    assert result == {"companies": whole, "contacts": whole, "missingKeys": [], "surplusKeys": [], "settled": True}
    assert another != run


def test_what_is_missing_and_what_is_surplus_is_counted_and_named(delivered: Any, asked: Any, outside: Any) -> None:
    behaves(outside, searchLagMilliseconds=0)
    run = delivered()
    ids = object_ids(outside, "contacts")
    crm(outside, "/crm/v3/objects/contacts/batch/archive", {"inputs": [{"id": ids[f"{run}-4-p0"]}, {"id": ids[f"{run}-29-p0"]}]})
    strangers = [
        {"properties": {"name": "stray", "simulation_id": str(run)}},
        {"properties": {"name": "never delivered", "simulation_id": str(run), "simulation_key": f"{run}-77-c"}},
    ]
    for stranger in strangers:
        crm(outside, "/crm/v3/objects/companies", stranger)
    result = asked(run).done()
    assert result["companies"] == {"expected": 30, "found": 30, "missing": 0, "surplus": 2}
    assert result["contacts"] == {"expected": 30, "found": 28, "missing": 2, "surplus": 0}
    assert result["missingKeys"] == [f"{run}-4-p0", f"{run}-29-p0"]
    assert sorted(result["surplusKeys"]) == ["(no key)", f"{run}-77-c"]


def test_a_search_that_lags_is_waited_for(delivered: Any, asked: Any, outside: Any) -> None:
    behaves(outside, searchLagMilliseconds=60_000)
    run = delivered()
    verification = asked(run)
    assert [type(verification.attempted()) for _ in range(3)] == [Later] * 3
    behaves(outside, searchLagMilliseconds=0)
    assert verification.done()["settled"]


def test_stopped_after_any_step_it_goes_on_and_counts_nothing_twice(
    delivered: Any, asked: Any, outside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaves(outside, searchLagMilliseconds=0)
    monkeypatch.setattr(verifying, "RECORDS_A_STEP", 10)
    monkeypatch.setattr(verifying, "A_PAGE", 7)
    monkeypatch.setattr("simulation_worker.crm.objects.A_PAGE", 7)
    run = delivered()
    verification = asked(run)
    attempts = 0
    while True:
        stopping = threading.Event()
        verification.steps = stopping.set
        end = verification.attempted(stopping)
        attempts += 1
        if isinstance(end, Done):
            break
    assert attempts > 10
    whole = {"expected": 30, "found": 30, "missing": 0, "surplus": 0}
    assert (end.result["companies"], end.result["contacts"], end.result["settled"]) == (whole, whole, True)


def test_a_limit_of_searches_stops_no_delivery(delivered: Any, asked: Any, outside: Any) -> None:
    behaves(outside, searchLagMilliseconds=0)
    run = delivered(records=3)
    outside.fault("companies/search", "status", times=2, status=429)
    verification = asked(run)
    assert verification.done()["settled"]
    assert verification.desk.held_for_s == 0
