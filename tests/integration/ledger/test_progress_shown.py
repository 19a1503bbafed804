"""What status shows of a run, and that folding adds each delta once."""

from __future__ import annotations

import uuid

from sqlalchemy import text

from simulation_core.ledger import contents, control, finishes, progress
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import ContentCounts, Finish, Outcome, RecordResult, Status


def test_progress_tells_what_is_next_and_how_late(engine, make_run):
    run = make_run().started_ms_ago(1000).due_at(0, 500_000).published()
    claimed = run.claimed(0)
    (shown,) = progress.progress(engine, [run.id, uuid.uuid4()])
    assert (shown.draining, shown.bucket_ms, shown.lateness_p50_ms) == (1, 90_000, None)
    assert shown.next_due_ms == shown.run.start_ms + 500_000
    assert shown.planned[0] == 2
    finishes.finish(engine, [run.delivered(claimed)])
    progress.fold(engine)
    (shown,) = progress.progress(engine, [run.id])
    assert (shown.draining, shown.run.records_processed, sum(shown.delivered)) == (0, 1, 1)
    assert 900 < shown.lateness_p50_ms < 5000


def test_the_last_five_failures_are_shown_newest_first(engine, make_run):
    run = make_run().records(8).batches_of(8).published()
    results = [
        RecordResult(index=i, outcome=Outcome.FAILED, reason="RecordRejected", message=f"bad {i}", correlation_id=f"c{i}") for i in range(7)
    ]
    finishes.finish(engine, [Finish(fence=run.claimed().fence, results=results)])
    (shown,) = progress.progress(engine, [run.id])
    assert [failure.record for failure in shown.failures] == [6, 5, 4, 3, 2]
    assert (shown.failures[0].message, shown.failures[0].correlation_id) == ("bad 6", "c6")


def test_folding_takes_limited_bites_and_ends(engine, make_run):
    run = make_run().records(5).published()
    for batch in range(5):
        finishes.finish(engine, [run.delivered(run.claimed(batch))])
    bites = 0
    while progress.fold(engine, limit=2):
        bites += 1
    assert bites == 3
    (shown,) = progress.progress(engine, [run.id])
    assert sum(shown.delivered) == 5


def test_folding_reads_what_it_takes_a_fixed_number_of_times_however_many_runs_it_is_of(engine, make_run):
    made, deltas = [make_run().published() for _ in range(12)], 20
    with transaction(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO deltas (simulation_id, buckets, lateness) SELECT x, '{0,3}', '{1}' FROM unnest(:ids) x, generate_series(1, :n)"
            ),
            {"ids": [run.id for run in made], "n": deltas},
        )
        (plan,) = connection.scalars(text(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {progress.FOLD}"), {"limit": 10_000})
    read = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes(plan[0]["Plan"]) if node.get("CTE Name") == "taken")
    assert read == 3 * len(made) * deltas
    assert [shown.delivered[:4] for shown in progress.progress(engine, [run.id for run in made])] == [[deltas, 0, 0, deltas]] * len(made)


def nodes(plan):
    return [plan, *(below for child in plan.get("Plans", ()) for below in nodes(child))]


def test_what_runs_have_reached_and_which_changed_lately(engine, make_run):
    still, moving, other = (make_run().published() for _ in range(3))
    asked = [still.id, moving.id, uuid.uuid4()]
    assert progress.states(engine, asked, within_ms=60_000) == {run.id: (Status.QUEUED, True) for run in (still, moving)}
    assert progress.states(engine, asked, within_ms=0) == {run.id: (Status.QUEUED, False) for run in (still, moving)}
    with transaction(engine) as connection:
        connection.execute(text("UPDATE simulations SET updated_at = updated_at - interval '1 hour'"))
    for run in (moving, other):
        control.suspend(engine, run.id)
    assert progress.states(engine, asked, within_ms=60_000) == {still.id: (Status.QUEUED, False), moving.id: (Status.SUSPENDED, True)}


def test_who_wrote_the_contents_is_told(engine, make_run):
    run = make_run().records(3).published()
    (shown,) = progress.progress(engine, [run.id])
    assert shown.content is None
    contents.keep(engine, run.id, {0: {}}, by=contents.WrittenBy.FAKER)
    (shown,) = progress.progress(engine, [run.id])
    assert shown.content == ContentCounts(from_model=0, from_faker=1, tokens=0)
