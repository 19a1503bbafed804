"""Claims are ended in groups: together when the ledger is slow, at once when it isn't, and patiently when it is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import claims, finishes
from simulation_core.ledger.values import Finish, Status
from simulation_core.queue.names import job_id
from simulation_core.queue.taking import Job
from simulation_worker import books as books_module
from simulation_worker.books import Books, Entry
from simulation_worker.lease import Lease
from simulation_worker.load import Claim, Release
from simulation_worker.metrics import Metrics

PENDING, CLAIMED, DONE = 0, 1, 2
LEASE_MS = 60_000


class Closed:
    """Books whose thread isn't started: a test writes by hand. `pauses` counts the waits for the ledger."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.ended: list[Claim] = []
        self.pauses: list[float] = []
        self.books = Books(engine, metrics=metrics, on_ended=self.ended.extend, pause=self.pauses.append)


@pytest.fixture
def closed(engine: Engine, metrics: Metrics) -> Closed:
    return Closed(engine, metrics)


@pytest.fixture
def entries(ledger: Any, engine: Engine) -> Callable[..., list[Entry]]:
    """Claimed batches of a new run, each to be finished as delivered."""

    def make(batches: int = 1, *, asked_s: float = 0.0) -> list[Entry]:
        run = ledger.publish(records=batches, batch_size=1)
        jobs = [Job("q", job_id(run, batch, 1)) for batch in range(batches)]
        requests = [claims.ClaimRequest(simulation_id=run, batch=batch, attempt=1) for batch in range(batches)]
        got = claims.claim(engine, requests, lease_ms=LEASE_MS)
        lease = Lease(engine, [one.fence for one in got], lease_ms=LEASE_MS, asked_s=asked_s, clock=lambda: 0.0)
        return [
            Entry(claim=Claim(claimed=one, job=job), end=Finish(fence=one.fence, rest_delivered_ms=one.claimed_ms), lease=lease)
            for one, job in zip(got, jobs, strict=True)
        ]

    return make


def run_of(entries: Sequence[Entry]) -> Any:
    return entries[0].claim.claimed.fence.simulation_id


def away_for(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Postgres refuses so many finishes."""
    left = [times]
    finish = finishes.finish

    def refusing(*given: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise LedgerUnavailableError("away")
        return finish(*given)

    monkeypatch.setattr(finishes, "finish", refusing)


def test_a_group_is_finished_counted_and_told(ledger: Any, closed: Closed, entries: Any, metrics: Metrics) -> None:
    given = entries(20)
    closed.books.write(given)
    assert (ledger.run(run_of(given)).status, ledger.run(run_of(given)).records_processed) == (Status.COMPLETED, 20)
    assert closed.ended == [entry.claim for entry in given]
    assert metrics.records.labels("delivered")._value.get() == 20


def test_finishes_and_releases_go_together(ledger: Any, closed: Closed, entries: Any) -> None:
    given = entries(3)
    given[1] = Entry(claim=given[1].claim, end=Release(fence=given[1].claim.claimed.fence, retry_after_ms=5_000), lease=given[1].lease)
    given[2] = Entry(claim=given[2].claim, end=Release(fence=given[2].claim.claimed.fence, crashed=True), lease=given[2].lease)
    closed.books.write(given)
    batches = [ledger.batch(run_of(given), number) for number in range(3)]
    assert [(batch["state"], batch["crashes"]) for batch in batches] == [(DONE, 0), (PENDING, 0), (PENDING, 1)]
    assert 4_000 < batches[1]["wait_ms"] <= 5_000


def test_an_outage_shorter_than_the_lease_is_waited_for(ledger: Any, closed: Closed, entries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = entries(2)
    away_for(monkeypatch, 3)
    closed.books.write(given)
    assert len(closed.pauses) == 3
    assert ledger.run(run_of(given)).status is Status.COMPLETED


def test_what_an_outage_cut_off_is_given_back_later_and_is_no_crash(
    ledger: Any, closed: Closed, entries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, next_one = entries(1, asked_s=-LEASE_MS / 1000), entries(1)
    away_for(monkeypatch, 1)
    closed.books.write(over)
    assert ledger.batch(run_of(over))["state"] == CLAIMED
    assert closed.ended == [over[0].claim]
    closed.books.write(next_one)  # Postgres answers again
    closed.books._try_to_give_back_cut_off()
    assert closed.books.cut_off == 0
    batch = ledger.batch(run_of(over))
    assert (batch["state"], batch["crashes"]) == (PENDING, 0)


def test_what_is_handed_in_during_a_commit_is_in_the_next_one_together(
    engine: Engine, metrics: Metrics, ledger: Any, entries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    first_is_in, go_on = threading.Event(), threading.Event()
    finish = finishes.finish

    def slow(engine: Engine, given: Sequence[Finish]) -> list[bool]:
        groups.append(len(given))
        first_is_in.set()
        assert go_on.wait(10)
        return finish(engine, given)

    monkeypatch.setattr(finishes, "finish", slow)
    books = Books(engine, metrics=metrics, on_ended=lambda _: None)
    books.start()
    first, *rest = (entries(2) for _ in range(6))
    books.hand_in(first)
    assert first_is_in.wait(10)
    for each in rest:
        books.hand_in(each)
    go_on.set()
    books.close()
    assert groups == [2, 10]
    assert all(ledger.run(run_of(each)).status is Status.COMPLETED for each in (first, *rest))


def test_a_group_has_its_limit(closed: Closed, entries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books_module, "MOST_RECORDS", 4)
    assert [len(group) for group in books_module._groups(entries(10))] == [4, 4, 2]


def test_a_fault_while_writing_does_not_end_the_writer(
    engine: Engine, metrics: Metrics, ledger: Any, entries: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finish = finishes.finish
    faults = [ZeroDivisionError("once")]

    def failing(*given: Any) -> Any:
        if faults:
            raise faults.pop()
        return finish(*given)

    monkeypatch.setattr(finishes, "finish", failing)
    tried = threading.Event()
    ended: list[Claim] = []
    books = Books(engine, metrics=metrics, on_ended=ended.extend)
    books.start()
    lost, kept = entries(1), entries(1)
    books.hand_in(lost)
    while "could not be ended" not in caplog.text:
        tried.wait(0.01)
    books.hand_in(kept)
    books.close()
    assert ledger.run(run_of(kept)).status is Status.COMPLETED
    assert ledger.batch(run_of(lost))["state"] == CLAIMED
    assert ended == [lost[0].claim, kept[0].claim]  # nobody keeps its lease: it runs out


def test_what_was_cut_off_is_given_back_without_waiting_for_other_work(
    engine: Engine, metrics: Metrics, ledger: Any, entries: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    away_for(monkeypatch, 1)
    books = Books(engine, metrics=metrics, on_ended=lambda _: None)
    books.start()
    over = entries(1, asked_s=-LEASE_MS / 1000)
    books.hand_in(over)
    until(lambda: ledger.batch(run_of(over))["state"] == PENDING)
    assert ledger.batch(run_of(over))["crashes"] == 0
    books.close()
