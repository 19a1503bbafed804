"""A worker takes many jobs a round trip, and ends each once: acknowledged, put back, or scheduled again."""

from __future__ import annotations

import time
import zlib

import pytest
from rq import Worker
from rq.job import Job as RqJob
from rq.job import JobStatus
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from simulation_core.clock import now_ms
from simulation_core.errors import QueueUnavailableError
from simulation_core.kinds import Kind
from simulation_core.queue import taking_scripts
from simulation_core.queue.connection import connect
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.names import queue_name
from simulation_core.queue.taking import Intake, Job

EAST = queue_name(Kind.DELIVER, "east")
WORKER = "w1"


@pytest.fixture
def intake(redis):
    return Intake(redis, WORKER, lease_seconds=15)


@pytest.fixture
def other(redis):
    return Intake(redis, "w2", lease_seconds=15)


@pytest.fixture
def due(scheduler, offers):
    """That many jobs in their queue; returns them in its order."""

    def push(count=1):
        scheduler.schedule_offers(offers(count, in_ms=-1000, step_ms=1))
        return count

    return push


def status_of(redis, job):
    return RqJob.fetch(job.id, connection=redis, serializer=JSONSerializer).get_status()


def broken(monkeypatch, intake, script, changes):
    """A worker whose script lacks something."""
    text = getattr(taking_scripts, script)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    monkeypatch.setattr(intake, f"_{script.lower()}", intake._redis.register_script(text))


# -- taking


def test_it_gets_as_many_as_it_has_room_for_in_their_order(intake, waiting, due):
    due(10)
    order = waiting.queued
    assert [job.id for job in intake.take({EAST: 3}).jobs] == order[:3]
    assert [job.id for job in intake.take({EAST: 100}).jobs] == order[3:]
    assert not intake.take({EAST: 100})


def test_what_it_took_is_started_for_all_of_rqs_tools(redis, intake, waiting, due):
    due(2)
    jobs = intake.take({EAST: 2}).jobs
    assert {status_of(redis, job) for job in jobs} == {JobStatus.STARTED}
    assert sorted(StartedJobRegistry(queue=waiting.queue).get_job_ids(cleanup=False)) == sorted(job.id for job in jobs)


def test_two_workers_get_different_jobs(intake, other, due):
    due(10)
    first, second = intake.take({EAST: 6}).jobs, other.take({EAST: 6}).jobs
    assert (len(first), len(second)) == (6, 4)
    assert not set(first) & set(second)


def test_waiting_takes_the_first_and_the_rest_comes_with_it(intake, waiting, due):
    due(3)
    order = waiting.queued
    popped = intake.wait([EAST], 1)
    assert [job.id for job in intake.take({EAST: 10}, popped).jobs] == order


def test_waiting_for_nothing_ends(intake):
    assert intake.wait([EAST], 0.01) is None


def test_a_queue_without_room_keeps_its_jobs(intake, waiting, due):
    due(2)
    assert not intake.take({EAST: 0})
    assert len(waiting.queued) == 2


def test_somebody_elses_job_is_told_apart_and_one_without_a_hash_dropped(redis, intake, waiting, due):
    due(1)
    waiting.queue.enqueue("os.system", "true")
    redis.rpush(waiting.queue.key, "gone")
    taken = intake.take({EAST: 10})
    assert (len(taken.jobs), len(taken.others)) == (1, 1)
    assert not redis.exists(RqJob.key_for("gone"))


def test_a_job_that_rq_compressed_is_looked_at_by_who_knows_rq(redis, intake, waiting, due):
    """RQ's own ways of queueing again store the data compressed."""
    due(1)
    key = RqJob.key_for(waiting.queued[0])
    redis.hset(key, "data", zlib.compress(redis.hget(key, "data")))
    taken = intake.take({EAST: 10})
    assert (len(taken.jobs), len(taken.others)) == (0, 1)


def test_rq_sees_the_worker_busy_while_it_has_work(redis, intake, due):
    redis.hset(f"{Worker.redis_worker_namespace_prefix}{WORKER}", mapping={"birth": "2026-01-01T00:00:00Z", "state": "idle"})
    due(2)
    jobs = intake.take({EAST: 2}).jobs
    key = f"{Worker.redis_worker_namespace_prefix}{WORKER}"
    assert (redis.hget(key, "state"), redis.scard(f"{key}:executions")) == (b"busy", 2)
    intake.acknowledge(jobs[:1], left=1)
    assert (redis.hget(key, "state"), redis.scard(f"{key}:executions")) == (b"busy", 1)
    intake.acknowledge(jobs[1:], left=0)
    assert (redis.hget(key, "state"), redis.scard(f"{key}:executions")) == (b"idle", 0)
    assert redis.hget(key, "successful_job_count") == b"2"


def test_a_worker_that_redis_forgot_is_not_half_remembered(redis, intake, due):
    due(1)
    intake.acknowledge(intake.take({EAST: 1}).jobs, left=0)
    assert not redis.exists(f"{Worker.redis_worker_namespace_prefix}{WORKER}")


# -- under way


def test_offering_what_is_under_way_changes_nothing(scheduler, offers, intake, waiting, due):
    due(3)
    intake.take({EAST: 3})
    assert scheduler.schedule_offers(offers(3, in_ms=-10)) == 0
    assert waiting.queued == []


def test_a_worker_that_died_is_replaced_when_its_lease_is_over(redis, scheduler, offers, waiting, due):
    due(1)
    Intake(redis, "dead", lease_seconds=-1).take({EAST: 1})
    assert scheduler.schedule_offers(offers(1, in_ms=-10)) == 1
    assert len(waiting.queued) == 1
    assert StartedJobRegistry(queue=waiting.queue).get_job_count(cleanup=False) == 0


def test_what_was_just_taken_is_not_offered_again(intake, scheduler, offers, waiting, due):
    due(1)
    assert intake.take({EAST: 1})
    assert scheduler.schedule_offers(offers(1, in_ms=-10)) == 0
    assert waiting.queued == []


def test_without_a_lease_from_the_same_moment_on_what_was_taken_is_offered_again(intake, scheduler, offers, waiting, due, monkeypatch):
    due(1)
    broken(monkeypatch, intake, "TAKE", {"if #members > 0 then redis.call('ZADD', 'rq:wip:' .. queue, unpack(members)) end": ""})
    assert intake.take({EAST: 1})
    assert scheduler.schedule_offers(offers(1, in_ms=-10)) == 1
    assert len(waiting.queued) == 1


def test_prolonging_gives_a_full_lease_to_what_is_held_and_nothing_else(redis, waiting, due):
    due(2)
    started = StartedJobRegistry(queue=waiting.queue).key
    short = Intake(redis, WORKER, lease_seconds=1)
    jobs = short.take({EAST: 2}).jobs
    short.acknowledge(jobs[:1], left=1)
    Intake(redis, WORKER, lease_seconds=60).prolong(jobs)
    ((member, ends_s),) = redis.zrange(started, 0, -1, withscores=True)
    assert member.decode().startswith(jobs[1].id)
    assert ends_s - time.time() > 50


def test_a_worker_whose_clock_is_wrong_prolongs_by_redis_clock(redis, waiting, due, monkeypatch):
    due(1)
    intake = Intake(redis, WORKER, lease_seconds=60)
    jobs = intake.take({EAST: 1}).jobs
    now_s = time.time()
    with monkeypatch.context() as wrong:
        wrong.setattr(time, "time", lambda: now_s - 3_600)
        intake.prolong(jobs)
    ((_, ends_s),) = redis.zrange(StartedJobRegistry(queue=waiting.queue).key, 0, -1, withscores=True)
    assert ends_s > now_s


# -- ending


def test_an_acknowledged_job_leaves_nothing(redis, intake, waiting, due):
    due(5)
    jobs = intake.take({EAST: 5}).jobs
    assert intake.acknowledge(jobs, left=0) == 5
    assert not list(redis.scan_iter("rq:job:*"))
    assert StartedJobRegistry(queue=waiting.queue).get_job_count(cleanup=False) == 0
    assert intake.acknowledge(jobs, left=0) == 0


def taken_over(redis, scheduler, offers, due):
    """A worker that was too slow, and the job as it was offered again meanwhile."""
    due(1)
    slow = Intake(redis, "slow", lease_seconds=-1)
    jobs = slow.take({EAST: 1}).jobs
    assert scheduler.schedule_offers(offers(1, in_ms=-10)) == 1
    return slow, jobs


def still_queued(redis, jobs):
    return redis.exists(RqJob.key_for(jobs[0].id)) == 1 and status_of(redis, jobs[0]) == JobStatus.QUEUED


def test_a_stale_acknowledgement_leaves_the_job_that_was_offered_again(redis, scheduler, offers, due):
    slow, jobs = taken_over(redis, scheduler, offers, due)
    assert slow.acknowledge(jobs, left=0) == 0
    assert still_queued(redis, jobs)


def test_without_looking_who_holds_it_a_stale_acknowledgement_deletes_it(redis, scheduler, offers, due, monkeypatch):
    slow, jobs = taken_over(redis, scheduler, offers, due)
    broken(monkeypatch, slow, "ACKNOWLEDGE", {"if held(ARGV[i], id, worker) then": "if true then"})
    slow.acknowledge(jobs, left=0)
    assert not still_queued(redis, jobs)


def test_what_was_not_begun_is_first_again_in_its_old_order(redis, intake, waiting, due):
    due(5)
    order = waiting.queued
    jobs = intake.take({EAST: 3}).jobs
    assert intake.put_back(jobs, left=0) == 3
    assert waiting.queued == order
    assert status_of(redis, jobs[0]) == JobStatus.QUEUED
    assert StartedJobRegistry(queue=waiting.queue).get_job_count(cleanup=False) == 0


def test_what_was_taken_over_is_not_put_back_a_second_time(redis, scheduler, offers, waiting, due):
    slow, jobs = taken_over(redis, scheduler, offers, due)
    assert slow.put_back(jobs, left=0) == 0
    waiting.each_once(1)


def test_without_looking_who_holds_it_it_waits_twice(redis, scheduler, offers, waiting, due, monkeypatch):
    slow, jobs = taken_over(redis, scheduler, offers, due)
    broken(monkeypatch, slow, "PUT_BACK", {"if held(queue, id, worker) then": "if true then"})
    slow.put_back(jobs, left=0)
    with pytest.raises(AssertionError, match="twice"):
        waiting.each_once(1)


def test_what_came_too_early_waits_for_the_remaining_time(redis, intake, waiting, due):
    due(2)
    first, second = intake.take({EAST: 2}).jobs
    assert intake.give_back({first: 1500, second: 60_000}, left=0) == 2
    left_s = [redis.zscore(SCHEDULED, job.id) - now_ms() / 1000 for job in (first, second)]
    assert 1.0 < left_s[0] <= 1.55
    assert 59 < left_s[1] <= 60.05
    assert status_of(redis, first) == JobStatus.SCHEDULED
    assert StartedJobRegistry(queue=waiting.queue).get_job_count(cleanup=False) == 0


def test_given_back_it_says_the_same_when_it_comes_again(redis, scheduler, intake, waiting, due):
    due(1)
    (job,) = intake.take({EAST: 1}).jobs
    before = RqJob.fetch(job.id, connection=redis, serializer=JSONSerializer)
    intake.give_back({job: 1500}, left=0)
    waiting.all_fall_due()
    scheduler.move_due()
    again = RqJob.fetch(job.id, connection=redis, serializer=JSONSerializer)
    assert (again.func_name, again.args, again.origin) == (before.func_name, before.args, before.origin)
    assert intake.take({EAST: 1}).jobs == [job]


def test_what_was_given_back_wakes_the_scheduler(intake, scheduler, waiting, due, running, until):
    due(1)
    (job,) = intake.take({EAST: 1}).jobs
    with running(scheduler):
        intake.give_back({job: 50}, left=0)
        until(lambda: waiting.queued == [job.id])


def test_what_was_offered_again_is_not_given_back(redis, scheduler, offers, waiting, due):
    slow, jobs = taken_over(redis, scheduler, offers, due)
    assert slow.give_back({jobs[0]: 1500}, left=0) == 0
    waiting.each_once(1)
    assert waiting.scheduled == 0


def test_without_looking_who_holds_it_it_waits_in_two_places(redis, scheduler, offers, waiting, due, monkeypatch):
    slow, jobs = taken_over(redis, scheduler, offers, due)
    broken(monkeypatch, slow, "GIVE_BACK", {"if held(queue, id, worker) then": "if true then"})
    slow.give_back({jobs[0]: 1500}, left=0)
    with pytest.raises(AssertionError, match="twice"):
        waiting.each_once(1)


def test_without_redis_it_says_so(own_server, intake):
    away = connect(own_server.url)
    own_server.kill()
    lost = Intake(away, WORKER, lease_seconds=15)
    for ask in (
        lambda: lost.wait([EAST], 0.1),
        lambda: lost.take({EAST: 1}),
        lambda: lost.acknowledge([Job(EAST, "x")], left=0),
        lambda: lost.give_back({Job(EAST, "x"): 1}, left=0),
        lambda: lost.prolong([Job(EAST, "x")]),
    ):
        with pytest.raises(QueueUnavailableError):
            ask()
    away.close()
