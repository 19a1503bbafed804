"""A job that came too early goes back under its own id, and nothing takes it for under way meanwhile."""

from __future__ import annotations

import pytest
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from simulation_core.clock import now_ms
from simulation_core.errors import QueueUnavailableError
from simulation_core.queue.connection import connect
from simulation_core.queue.jobs import SCHEDULED, give_back


@pytest.fixture
def begun(redis, scheduler, waiting, offers, name):
    """A job under way, as RQ keeps it."""
    scheduler.schedule_offers(offers(in_ms=-10))
    redis.lmove(waiting.queue.key, waiting.queue.intermediate_queue_key)
    job = Job.fetch(name, connection=redis, serializer=JSONSerializer)
    with redis.pipeline() as pipeline:
        Execution.create(job, 60, pipeline=pipeline, worker_name="w1")
        pipeline.execute()
    job.set_status(JobStatus.STARTED)
    return job


def test_it_waits_for_the_remaining_time(redis, begun):
    assert give_back(redis, begun, 1500)
    left = redis.zscore(SCHEDULED, begun.id) - now_ms() / 1000
    assert 1.0 < left <= 1.55


def test_its_started_state_is_over_and_it_says_the_same_when_it_comes_again(redis, scheduler, waiting, begun):
    args = begun.args
    give_back(redis, begun, 1500)
    job = Job.fetch(begun.id, connection=redis, serializer=JSONSerializer)
    assert job.get_status() == JobStatus.SCHEDULED
    assert redis.zcard(f"rq:wip:{job.origin}") == 0
    assert not list(redis.scan_iter("rq:execution*"))
    assert not redis.smembers("rq:worker:w1:executions")
    assert redis.llen(waiting.queue.intermediate_queue_key) == 0
    waiting.all_fall_due()
    scheduler.move_due()
    again = Job.fetch(begun.id, connection=redis, serializer=JSONSerializer)
    assert (again.func_name, again.args) == ("simulation_worker.jobs.deliver", args)


def test_a_job_rq_has_already_finished_and_deleted_goes_back_too(redis, begun):
    begun.args  # noqa: B018 - as a worker has read it
    begun.delete()
    assert give_back(redis, begun, 1500)
    assert Job.fetch(begun.id, connection=redis, serializer=JSONSerializer).get_status() == JobStatus.SCHEDULED


def test_a_job_offered_again_meanwhile_stays_where_it_is(redis, scheduler, waiting, offers, begun):
    begun.args  # noqa: B018 - as a worker has read it
    begun.delete()
    scheduler.schedule_offers(offers(in_ms=-10))
    assert not give_back(redis, begun, 1500)
    waiting.each_once(1)
    assert waiting.queued == [begun.id]


def test_what_was_given_back_comes_again(redis, scheduler, waiting, begun, running, until):
    with running(scheduler):
        give_back(redis, begun, 50)
        until(lambda: waiting.queued == [begun.id])


def test_offering_it_meanwhile_changes_nothing(redis, scheduler, waiting, offers, begun):
    give_back(redis, begun, 1500)
    assert scheduler.schedule_offers(offers(in_ms=-10)) == 0
    waiting.each_once(1)


def test_a_stock_worker_can_do_so_from_inside_a_job(redis, scheduler, waiting, offers):
    class Early(SimpleWorker):
        def perform_job(self, job, queue, execution):
            return give_back(self.connection, job, 60_000)

    scheduler.schedule_offers(offers(in_ms=-10))
    Early([waiting.queue], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")
    assert (waiting.queued, waiting.scheduled) == ([], 1)
    assert waiting.queue.started_job_registry.get_job_ids(cleanup=False) == []


def test_without_redis_it_says_so(own_server, redis, begun):
    away = connect(own_server.url)
    own_server.kill()
    with pytest.raises(QueueUnavailableError):
        give_back(away, begun, 10)
    away.close()
