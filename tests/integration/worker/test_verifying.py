"""Verifying what a run created, against the emulator: exact counts, first keys, whatever the search lags behind, resumed after a stop."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from simulation_core.ledger.errands import Done, Later
from simulation_worker import verifying, walking


@pytest.fixture
def asked(undertaken: Any) -> Callable[[uuid.UUID], Any]:
    return lambda run: undertaken(run, "verify", partial(verifying.verify, pass_again_ms=0))


def test_all_is_there_and_nothing_else(delivered: Any, asked: Any, outside: Any) -> None:
    outside.behaves(searchLagMilliseconds=0)
    another = delivered(records=3)
    run = delivered()
    result = asked(run).done()
    whole = {"expected": 30, "found": 30, "missing": 0, "surplus": 0}
    assert result == {"companies": whole, "contacts": whole, "missingKeys": [], "surplusKeys": [], "settled": True}
    assert another != run


def test_what_is_missing_and_what_is_surplus_is_counted_and_named(delivered: Any, asked: Any, outside: Any) -> None:
    outside.behaves(searchLagMilliseconds=0)
    run = delivered()
    ids = outside.ids_by_key("contacts")
    outside.call("/crm/v3/objects/contacts/batch/archive", {"inputs": [{"id": ids[f"{run}-4-p0"]}, {"id": ids[f"{run}-29-p0"]}]})
    strangers = [
        {"properties": {"name": "stray", "simulation_id": str(run)}},
        {"properties": {"name": "never delivered", "simulation_id": str(run), "simulation_key": f"{run}-77-c"}},
    ]
    for stranger in strangers:
        outside.call("/crm/v3/objects/companies", stranger)
    result = asked(run).done()
    assert result["companies"] == {"expected": 30, "found": 30, "missing": 0, "surplus": 2}
    assert result["contacts"] == {"expected": 30, "found": 28, "missing": 2, "surplus": 0}
    assert result["missingKeys"] == [f"{run}-4-p0", f"{run}-29-p0"]
    assert sorted(result["surplusKeys"]) == ["(no key)", f"{run}-77-c"]


def test_a_search_that_lags_is_waited_for(delivered: Any, asked: Any, outside: Any) -> None:
    outside.behaves(searchLagMilliseconds=60_000)
    run = delivered()
    verification = asked(run)
    assert [type(verification.attempted()) for _ in range(3)] == [Later] * 3
    outside.behaves(searchLagMilliseconds=0)
    assert verification.done()["settled"]


def test_stopped_after_any_step_it_goes_on_and_counts_nothing_twice(
    delivered: Any, asked: Any, outside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.behaves(searchLagMilliseconds=0)
    monkeypatch.setattr(walking, "RECORDS_A_STEP", 10)
    monkeypatch.setattr(walking, "A_PAGE", 7)
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
    outside.behaves(searchLagMilliseconds=0)
    run = delivered(records=3)
    outside.fault("companies/search", "status", times=2, status=429)
    verification = asked(run)
    assert verification.done()["settled"]
    assert verification.desk.held_for_s == 0
