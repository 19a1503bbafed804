"""A plan as the planner makes it is what the ledger stores: every record's due time comes back in its claim."""

from __future__ import annotations

from simulation_core.ledger import claims, plans, runs
from simulation_core.plan import make_plan
from simulation_core.plan.load import load_of
from simulation_core.spec import parse_spec


def test_every_due_time_of_a_plan_comes_back_in_its_claims(engine, make_run):
    run = (
        make_run()
        .started_ms_ago(3_599_000)
        .spec(distribution={"method": "BellCurve"}, toleranceMilliseconds=60_000)
        .records(500)
        .accepted()
    )
    stored = runs.get(engine, run.id)
    spec = parse_spec(stored.spec)
    plan = make_plan(spec, start_ms=stored.start_ms, window_ms=spec.window_ms(stored.start_ms), seed=stored.seed)
    first = 0
    while first < len(plan.batches.offset_ms):
        first = plans.store(engine, run.id, plan, first, limit=7)
    plans.publish(engine, run.id, plan, load_of(spec, plan, seed=stored.seed))
    claimed = claims.claim(engine, [run.request(batch) for batch in range(first)], lease_ms=60_000)
    due = [due_ms - stored.start_ms for one in claimed if isinstance(one, claims.Claimed) for due_ms in one.due_ms]
    offsets = plan.offsets_ms.tolist()
    assert due == offsets[: len(due)]
    assert len(due) > 450
