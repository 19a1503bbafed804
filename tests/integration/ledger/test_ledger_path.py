"""The path of a run through the ledger: accepted, stored, published, claimed, finished, completed."""

from __future__ import annotations

from simulation_core.ledger import claims, dispatch, finishes, progress, runs
from simulation_core.ledger.values import Claimed, Status


def test_a_run_is_accepted_planned_claimed_finished_and_completed(engine, make_run):
    run = make_run().due_at(0, 5, 10).batches_of(2).published()
    assert runs.get(engine, run.id).status is Status.QUEUED
    offers = dispatch.overdue(engine, "default", limit=10)
    assert [(offer.batch, offer.attempt) for offer in offers] == [(0, 1), (1, 1)]
    first, second = claims.claim(engine, [run.request(0), run.request(1)], lease_ms=60_000)
    assert isinstance(first, Claimed)
    assert isinstance(second, Claimed)
    assert first.due_ms == [first.run.start_ms, first.run.start_ms + 5]
    assert first.run.status is Status.RUNNING
    assert finishes.finish(engine, [run.delivered(first), run.delivered(second)]) == [True, True]
    done = runs.get(engine, run.id)
    assert (done.status, done.records_processed) == (Status.COMPLETED, 3)
    assert progress.fold(engine) == {run.id}
    (shown,) = progress.progress(engine, [run.id])
    assert sum(shown.delivered) == 3
    assert shown.lateness_p50_ms is not None
    assert progress.fold(engine) == set()
