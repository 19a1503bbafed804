"""Offering may be repeated at any time, by anybody, and leaves each job in Redis once."""

from __future__ import annotations

import uuid

import pytest
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from simulation_core.clock import now_ms
from simulation_core.kinds import Kind
from simulation_core.ledger.values import Offer
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.names import job_id
from simulation_core.queue.scripts import SCHEDULE


def fetch(redis, name):
    return Job.fetch(name, connection=redis, serializer=JSONSerializer)


def started(redis, job, lease_seconds):
    """As a worker of RQ would: popped, with an execution and its lease."""
    redis.lpop(f"rq:queue:{job.origin}")
    job.set_status(JobStatus.STARTED)
    with redis.pipeline() as pipeline:
        execution = Execution.create(job, 60, pipeline=pipeline)
        pipeline.execute()
    redis.zadd(f"rq:wip:{job.origin}", {execution.composite_key: now_ms() / 1000 + lease_seconds})


def test_a_job_is_scheduled_to_the_millisecond(redis, scheduler, offers, name):
    (offer,) = offers()
    assert scheduler.schedule_offers([offer]) == 1
    assert round(redis.zscore(SCHEDULED, name) * 1000) == offer.due_ms


def test_a_queued_job_is_data_that_names_a_function_and_ids(redis, scheduler, offers, name):
    scheduler.schedule_offers(offers(in_ms=-10))
    job = fetch(redis, name)
    assert job.func_name == "simulation_worker.jobs.deliver"
    assert job.args == ["6f1c2a55-0000-4222-8333-444455556666", 0, 1]
    assert (job.kwargs, job.result_ttl, job.get_status()) == ({}, 0, JobStatus.QUEUED)
    assert redis.hget(job.key, "data").startswith(b'["simulation_worker.jobs.deliver"')


def test_a_scheduled_job_says_what_it_will_do_for_which_portal(redis, scheduler, offers, name):
    scheduler.schedule_offers(offers())
    job = fetch(redis, name)
    assert (job.func_name, job.args, job.get_status()) == ("deliver.east", [], JobStatus.SCHEDULED)


def test_another_kind_of_the_same_batch_is_another_job(redis, scheduler, waiting, offers):
    assert scheduler.schedule_offers(offers()) == 1
    assert scheduler.schedule_offers(offers(), kind=Kind.PREPARE) == 1
    waiting.all_fall_due()
    scheduler.move_due()
    job = fetch(redis, "prepare-6f1c2a55-0000-4222-8333-444455556666-0-1")
    assert (job.origin, job.func_name) == ("simulation-prepare-east", "simulation_worker.jobs.prepare")


def test_jobs_of_many_runs_and_portals_are_offered_together_and_none_is_mixed_up(redis, scheduler, waiting):
    due_ms = now_ms() + 60_000
    runs = [(uuid.uuid4(), f"portal-{number % 3}") for number in range(300)]
    given = [
        Offer(simulation_id=run, batch=batch, attempt=2, portal=portal, due_ms=due_ms + batch) for batch in range(2) for run, portal in runs
    ]
    assert scheduler.schedule_offers(given) == 600
    assert {job_id(each.simulation_id, each.batch, 2): each.due_ms for each in given} == {
        name.decode(): round(score * 1000) for name, score in redis.zrange(SCHEDULED, 0, -1, withscores=True)
    }
    waiting.all_fall_due()
    scheduler.enqueue_jobs()
    for number in range(3):
        assert redis.llen(f"rq:queue:simulation-deliver-portal-{number}") == 200


def test_a_job_offered_twice_in_one_breath_waits_once(scheduler, waiting, offers):
    assert scheduler.schedule_offers(offers(2, in_ms=-10) * 2) == 2
    scheduler.schedule_offers(offers(2, attempt=2) * 2)
    waiting.each_once(4)


def test_three_offers_of_a_thousand_scheduled_jobs_leave_a_thousand(scheduler, waiting, offers):
    added = [scheduler.schedule_offers(offers(1000)) for _ in range(3)]
    assert added == [1000, 0, 0]
    waiting.each_once(1000)


def test_three_offers_of_a_thousand_queued_jobs_leave_a_thousand(scheduler, waiting, offers):
    added = [scheduler.schedule_offers(offers(1000, in_ms=-10)) for _ in range(3)]
    assert added == [1000, 0, 0]
    waiting.each_once(1000)
    assert len(waiting.queued) == 1000


@pytest.mark.parametrize("how_many", [1, 250])
def test_without_its_look_at_what_is_there_the_script_would_queue_jobs_twice(redis, scheduler, waiting, offers, how_many):
    look = "if is_known and is_there(id, queue) then return end"
    assert look in SCHEDULE
    scheduler._schedule = SCHEDULE.replace(look, "")
    for _ in range(3):
        scheduler.schedule_offers(offers(how_many, in_ms=-10))
    with pytest.raises(AssertionError, match=f"{how_many} jobs wait twice"):
        waiting.each_once(how_many)


def test_without_its_look_at_what_is_there_the_script_would_schedule_what_is_queued(redis, scheduler, waiting, offers):
    look = "if is_there(id, queues[run]) then return end"
    assert look in SCHEDULE
    scheduler.schedule_offers(offers(3, in_ms=-10))
    assert scheduler.schedule_offers(offers(3)) == 0
    scheduler._schedule = SCHEDULE.replace(look, "")
    scheduler.schedule_offers(offers(3))
    with pytest.raises(AssertionError, match="3 jobs wait twice"):
        waiting.each_once(3)


def test_nothing_but_jobs_is_left_of_an_offer(redis, scheduler, offers):
    scheduler.schedule_offers(offers(2))
    assert sorted(key.split(b":")[1] for key in redis.scan_iter("*")) == [b"job", b"job", b"scheduler"]


def test_what_is_due_is_queued_at_once_in_the_order_given(scheduler, waiting, offers):
    given = list(reversed(offers(5, in_ms=-10_000, step_ms=100)))
    scheduler.schedule_offers(given)
    assert [name.split("-")[-2] for name in waiting.queued] == ["4", "3", "2", "1", "0"]
    assert waiting.queue.get_jobs()[0].get_status() == JobStatus.QUEUED
    assert waiting.queue in type(waiting.queue).all(connection=waiting.redis, serializer=JSONSerializer)


def test_what_is_due_never_fills_a_queue_beyond_its_ceiling(scheduler, waiting, offers):
    scheduler.ceilings = {waiting.queue.name: 7}
    assert scheduler.schedule_offers(offers(5, in_ms=-10)) == 5
    assert scheduler.schedule_offers(offers(20, in_ms=-10)) == 2
    assert scheduler.schedule_offers(offers(20, in_ms=60_000, attempt=2)) == 20  # what is not due doesn't count
    assert len(waiting.queued) == 7


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.FINISHED, JobStatus.CANCELED, JobStatus.STOPPED])
def test_what_an_ended_job_left_behind_is_replaced(redis, scheduler, waiting, offers, name, status):
    scheduler.schedule_offers(offers(in_ms=-10))
    job = fetch(redis, name)
    redis.delete(waiting.queue.key)
    job.set_status(status)
    redis.hset(job.key, "exc_info", "an old one")
    redis.zadd(f"rq:failed:{job.origin}", {name: now_ms() / 1000 + 1000})
    assert scheduler.schedule_offers(offers(in_ms=-10)) == 1
    assert waiting.queued == [name]
    assert fetch(redis, name).get_status() == JobStatus.QUEUED
    assert not redis.hexists(job.key, "exc_info")
    assert name not in waiting.queue.failed_job_registry


def test_a_job_a_living_worker_has_begun_is_left_alone(redis, scheduler, waiting, offers, name):
    scheduler.schedule_offers(offers(in_ms=-10))
    started(redis, fetch(redis, name), lease_seconds=30)
    assert scheduler.schedule_offers(offers(in_ms=-10)) == 0
    assert (waiting.queued, fetch(redis, name).get_status()) == ([], JobStatus.STARTED)


def test_a_job_a_dead_worker_had_begun_is_replaced(redis, scheduler, waiting, offers, name):
    scheduler.schedule_offers(offers(in_ms=-10))
    started(redis, fetch(redis, name), lease_seconds=-1)
    assert scheduler.schedule_offers(offers(in_ms=-10)) == 1
    assert waiting.queued == [name]


def test_a_job_just_popped_and_not_yet_begun_is_left_alone(redis, scheduler, waiting, offers):
    scheduler.schedule_offers(offers(in_ms=-10))
    redis.lmove(waiting.queue.key, waiting.queue.intermediate_queue_key)
    assert scheduler.schedule_offers(offers(in_ms=-10)) == 0


def test_a_job_popped_by_a_worker_that_died_before_it_said_so_is_replaced(redis, scheduler, waiting, offers, name):
    scheduler.schedule_offers(offers(in_ms=-10))
    redis.lpop(waiting.queue.key)
    assert scheduler.schedule_offers(offers(in_ms=-10)) == 1
    assert waiting.queued == [name]


def test_a_job_whose_hash_alone_is_left_is_scheduled_again(redis, scheduler, waiting, offers):
    scheduler.schedule_offers(offers(10))
    redis.delete(SCHEDULED)
    assert scheduler.schedule_offers(offers(10)) == 10
    waiting.each_once(10)


def test_after_redis_was_emptied_everything_is_taken_again(redis, scheduler, waiting, offers):
    scheduler.schedule_offers(offers(1500))
    redis.flushall()
    assert scheduler.schedule_offers(offers(1500)) == 1500
    waiting.each_once(1500)


def test_a_waiting_job_takes_little_memory(redis, scheduler, offers, name):
    before = redis.info("memory")["used_memory"]
    scheduler.schedule_offers(offers(20_000))
    assert redis.object("encoding", f"rq:job:{name}") == b"listpack"
    assert (redis.info("memory")["used_memory"] - before) / 20_000 < 290  # bytes, the zset included
