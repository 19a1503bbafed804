"""What a tick of the dispatcher does about missed records: it needs no operator for that."""

from __future__ import annotations

import pytest

from simulation_core.kinds import Kind
from simulation_core.ledger import claims, control, skipping
from simulation_core.ledger.values import Claimed, Early, Status
from simulation_core.portals import PortalsFile
from simulation_core.queue.names import parse_job_id, queue_name
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.queue.taking import Intake
from simulation_operator.scheduler import dispatcher as dispatching
from simulation_operator.scheduler.dispatcher import Dispatcher, TickResult

OUTAGE_MS = 300_000


def test_an_outage_is_skipped_and_nothing_of_it_is_offered(ledger, dispatcher, waiting):
    run = ledger.publish(1_000, 2_000, OUTAGE_MS + 30_000, missed_records="Skip")
    ledger.away_for(OUTAGE_MS)
    assert dispatcher.tick() == TickResult(upcoming=1, judged=1, skipped=2)
    assert (waiting.queued(), waiting.scheduled) == ([], [f"{run}-2-1"])
    assert (ledger.run(run).status, ledger.run(run).records_skipped) == (Status.RUNNING, 2)
    assert dispatcher.tick() == TickResult()


def test_an_outage_is_shifted_and_what_is_due_at_once_is_offered_at_once(ledger, dispatcher, waiting):
    run = ledger.publish(1_000, 31_000, 400_000, missed_records="Shift")
    ledger.away_for(OUTAGE_MS)
    assert dispatcher.tick() == TickResult(overdue=1, upcoming=1, judged=1)
    assert (waiting.queued(), waiting.scheduled) == ([f"{run}-0-1"], [f"{run}-1-1"])
    assert ledger.run(run).shift_ms >= OUTAGE_MS - 1_000
    assert dispatcher.tick() == TickResult()


def test_an_outage_is_caught_up_with(ledger, dispatcher, waiting):
    run = ledger.publish(1_000, 2_000)
    ledger.away_for(OUTAGE_MS)
    assert dispatcher.tick() == TickResult(overdue=2)
    assert waiting.queued() == [f"{run}-0-1", f"{run}-1-1"]


def test_of_several_replicas_one_decides(engine, redis, ledger, dispatcher, portals_path):
    ledger.publish(1_000, missed_records="Skip")
    ledger.publish(1_000, missed_records="Shift")
    ledger.away_for(OUTAGE_MS)
    other = Dispatcher(engine, BulkScheduler(redis), PortalsFile(portals_path))
    assert (dispatcher.tick().judged, other.tick().judged) == (2, 0)


def test_a_resume_that_skips_is_carried_out_by_the_next_tick(engine, ledger, dispatcher):
    run = ledger.publish(1_000, 2_000, missed_records="Skip")
    control.suspend(engine, run)
    ledger.away_for(10_000)
    control.resume(engine, run)
    assert dispatcher.tick() == TickResult(skipped=2)
    assert ledger.run(run).status is Status.COMPLETED


def test_a_large_skip_takes_turns_with_a_small_one_and_only_its_share_of_a_tick(ledger, dispatcher, monkeypatch):
    big = ledger.publish(*range(1_000, 1_100), missed_records="Skip")
    small = ledger.publish(1_000, missed_records="Skip")
    ledger.away_for(OUTAGE_MS)
    monkeypatch.setattr(skipping, "BATCHES_A_STATEMENT", 10)
    monkeypatch.setattr(dispatching, "SWEEP_SECONDS", 0.0)
    assert sorted([dispatcher.tick().skipped, dispatcher.tick().skipped]) == [1, 10]  # each had its turn
    assert ledger.run(small).status is Status.COMPLETED
    monkeypatch.undo()
    assert dispatcher.tick() == TickResult(skipped=90)
    assert ledger.run(big).status is Status.COMPLETED


@pytest.fixture
def taken(engine, redis):
    """A worker takes what is queued: what became of each claim, by batch. What came too early is given back."""
    intake = Intake(redis, "worker", lease_seconds=15)

    def take() -> dict[int, object]:
        jobs = intake.take({queue_name(Kind.DELIVER, "east"): 1_000}).jobs
        requests = [parse_job_id(job.id) for job in jobs]
        results = claims.claim(engine, requests, lease_ms=60_000)
        early = {job: result.remaining_ms for job, result in zip(jobs, results, strict=True) if isinstance(result, Early)}
        assert intake.give_back(early, left=0) == len(early)
        return {request.batch: result for request, result in zip(requests, results, strict=True)}

    return take


def test_jobs_that_wait_in_redis_for_their_old_time_are_given_back_and_neither_lost_nor_doubled(
    engine, ledger, dispatcher, scheduler, waiting, taken
):
    run = ledger.publish(*range(10_000, 40_000, 1_000), missed_records="Shift")
    assert dispatcher.tick() == TickResult(upcoming=30)
    control.suspend(engine, run)
    ledger.away_for(20_000)
    waiting.time_passes(20)
    control.resume(engine, run)  # before the mover turned
    scheduler.enqueue_jobs()
    assert len(waiting.queued()) == 11
    dispatcher.tick()
    got = taken()
    assert isinstance(got[0], Claimed)
    assert [type(got[batch]) for batch in range(1, 11)] == [Early] * 10
    assert dispatcher.tick() == TickResult()
    assert sorted(parse_job_id(name).batch for name in waiting.scheduled) == list(range(1, 30))
