"""A batch that no attempt gets through is given up after the fifth: its run ends, and says why."""

from __future__ import annotations

from typing import Any

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger.values import Status
from simulation_core.reasons import Reason
from simulation_worker.load import MOST_CRASHES

PENDING = 0


def broken(*_: Any) -> Any:
    raise ZeroDivisionError("with something private in it")


def test_a_fault_is_counted_and_waits_longer_each_time(ledger: Any, delivery: Any, make_desk: Any, request_for: Any) -> None:
    run, desk = ledger.publish(), make_desk()
    desk.deliver = broken
    waits = []
    for attempt in (1, 2):
        assert delivery.deliver(request_for(run, attempt=attempt), desk).what == "crashed"
        batch = ledger.batch(run)
        assert (batch["state"], batch["crashes"]) == (PENDING, attempt)
        waits.append(batch["wait_ms"])
        ledger.expire(run)
    assert 3_000 < waits[0] <= 4_000
    assert 15_000 < waits[1] <= 16_000


def test_the_last_fault_ends_the_run_and_names_its_type_only(ledger: Any, delivery: Any, make_desk: Any, request_for: Any) -> None:
    run, desk = ledger.publish(), make_desk()
    desk.deliver = broken
    for attempt in range(1, MOST_CRASHES + 1):
        assert ledger.run(run).status is not Status.FAILED
        delivery.deliver(request_for(run, attempt=attempt), desk)
        ledger.expire(run)
    row = ledger.run(run)
    assert (row.status, row.records_failed, row.records_processed) == (Status.FAILED, 4, 0)
    errors = ledger.errors(run)
    assert {error["reason"] for error in errors if error["final"]} == {Reason.WORKER_DIED.value}
    assert all("ZeroDivisionError" in error["message"] and "private" not in error["message"] for error in errors)


def test_a_fault_that_passes_is_forgotten(ledger: Any, delivery: Any, make_desk: Any, request_for: Any) -> None:
    run, desk = ledger.publish(), make_desk()
    deliver, desk.deliver = desk.deliver, broken
    for attempt in (1, 2):
        delivery.deliver(request_for(run, attempt=attempt), desk)
        ledger.expire(run)
    desk.deliver = deliver
    assert delivery.deliver(request_for(run, attempt=3), desk).what == "finished"
    assert ledger.run(run).status is Status.COMPLETED
    assert ledger.batch(run)["crashes"] == 0


def test_an_outage_of_postgres_is_no_fault(ledger: Any, delivery: Any, make_desk: Any, request_for: Any) -> None:
    run, desk = ledger.publish(), make_desk()

    def away(*_: Any) -> Any:
        raise LedgerUnavailableError("away")

    desk.deliver = away
    assert delivery.deliver(request_for(run), desk).what == "given back"
    batch = ledger.batch(run)
    assert (batch["state"], batch["crashes"], batch["attempt"]) == (PENDING, 0, 1)
