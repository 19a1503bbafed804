"""A due job leaves the zset in the same moment as it enters its queue: not early, not twice, and never lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from simulation_core.clock import now_ms
from simulation_core.queue.connection import connect
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.queue.scripts import MOVE

# A replica as a process of its own, moving in many small steps so that a kill falls between two of them, or into one.
MOVER = """
import sys, threading
from simulation_core.queue import scheduler
from simulation_core.queue.connection import connect
scheduler.MOVED_AT_ONCE = 20
scheduler.BulkScheduler(connect(sys.argv[1])).run(threading.Event())
"""


def test_nothing_moves_before_it_is_due_and_what_is_due_moves_soon(redis, scheduler, waiting, offers, running):
    given = offers(200, in_ms=300, step_ms=5)
    scheduler.schedule_offers(given)
    seen_ms = []
    with running(scheduler):
        deadline = time.monotonic() + 15
        while len(seen_ms) < 200 and time.monotonic() < deadline:
            arrived = len(waiting.queued)
            seconds, microseconds = redis.time()  # after the look: what was there had been moved by now
            seen_ms += [seconds * 1000 + microseconds / 1000] * (arrived - len(seen_ms))
    assert [int(name.split("-")[-2]) for name in waiting.queued] == list(range(200))
    late_ms = sorted(seen - offer.due_ms for seen, offer in zip(seen_ms, given, strict=True))
    assert late_ms[0] >= 0
    assert late_ms[100] < 100  # a few milliseconds, on a machine that does nothing else


def test_a_job_moves_from_its_very_millisecond_on(redis, scheduler, offers, name):
    outcomes = set()
    for attempt in range(200):
        scheduler.schedule_offers(offers())
        seconds, microseconds = redis.time()
        due_s = round(seconds + microseconds / 1e6 + (attempt % 4) / 1000, 3)
        redis.zadd(SCHEDULED, {name: due_s})
        result = scheduler.move_due()
        assert result.moved == (result.now_seconds >= due_s)
        outcomes.add(result.moved)
        redis.flushall()
    assert outcomes == {0, 1}


def test_a_moved_job_is_what_rq_itself_would_have_queued(redis, scheduler, waiting, offers, name):
    scheduler.schedule_offers(offers())
    waiting.all_fall_due()
    assert scheduler.move_due().moved == 1
    job = Job.fetch(name, connection=redis, serializer=JSONSerializer)
    assert (job.get_status(), job.result_ttl, job.failure_ttl) == (JobStatus.QUEUED, 0, 3600)
    assert (job.func_name, job.origin) == ("simulation_worker.jobs.deliver", waiting.queue.name)
    assert job.args == [name.removesuffix("-0-1"), 0, 1]
    assert abs(job.enqueued_at.timestamp() * 1000 - now_ms()) < 5000
    assert redis.sismember("rq:queues", waiting.queue.key)
    assert (waiting.queued, waiting.scheduled) == ([name], 0)


def test_what_moves_together_keeps_the_order_of_due_times(scheduler, waiting, offers):
    scheduler.schedule_offers(list(reversed(offers(50, step_ms=10))))
    for each, score in list(waiting.redis.zrange(SCHEDULED, 0, -1, withscores=True)):
        waiting.redis.zadd(SCHEDULED, {each: score - 1000})
    scheduler.move_due()
    assert [int(name.split("-")[-2]) for name in waiting.queued] == list(range(50))


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_a_cancelled_or_deleted_job_is_not_queued(redis, scheduler, waiting, offers, name, how):
    scheduler.schedule_offers(offers(2))
    job = Job.fetch(name, connection=redis, serializer=JSONSerializer)
    getattr(job, how)()
    waiting.all_fall_due()
    result = scheduler.move_due()
    assert result.moved + result.dropped >= 1
    assert name not in waiting.queued
    assert (len(waiting.queued), waiting.scheduled) == (1, 0)


def test_a_job_beyond_the_ceiling_goes_back_to_the_ledger_alone(redis, scheduler, waiting, offers):
    scheduler.schedule_offers(offers(30))
    waiting.all_fall_due()
    scheduler.ceilings = {waiting.queue.name: 20}
    result = scheduler.move_due()
    assert (result.moved, result.held, waiting.scheduled) == (20, 10, 0)
    assert len(list(redis.scan_iter("rq:job:*"))) == 20
    redis.ltrim(waiting.queue.key, 1, 0)
    assert scheduler.schedule_offers(offers(30, in_ms=-10)) == 20  # as the ledger feeds it again


def test_two_replicas_share_the_work_and_double_nothing(redis_url, waiting, scheduler, offers, running, until):
    scheduler.schedule_offers(offers(10_000))
    moved = [0, 0]
    replicas = []
    for index in range(2):

        def count(result, index=index):
            moved[index] += result.moved

        replicas.append(BulkScheduler(connect(redis_url), on_moved=count))
    waiting.all_fall_due()
    with running(replicas[0]), running(replicas[1]):
        until(lambda: waiting.scheduled == 0)
    assert sum(moved) == 10_000
    waiting.each_once(10_000)
    for replica in replicas:
        replica.connection.close()


def test_killed_in_mid_move_again_and_again_it_loses_and_doubles_nothing(redis_url, waiting, scheduler, offers, until):
    scheduler.schedule_offers(offers(20_000))
    waiting.all_fall_due()
    in_the_middle = 0
    for _ in range(3):
        before = waiting.scheduled
        process = subprocess.Popen([sys.executable, "-c", MOVER, redis_url])
        try:
            until(lambda before=before: waiting.scheduled < before)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        in_the_middle += 0 < waiting.scheduled < before
        waiting.each_once(20_000)
    assert in_the_middle
    scheduler.enqueue_jobs()
    waiting.each_once(20_000)
    assert waiting.scheduled == 0


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("if #gone > 0 then redis.call('ZREM', zset, unpack(gone)) end", "250 jobs wait twice"),
        ("for queue, ids in pairs(ready) do push(queue, ids) end", "250 jobs are lost"),
    ],
)
def test_in_two_steps_a_kill_between_them_would_double_or_lose_jobs(redis, scheduler, waiting, offers, part, what):
    scheduler.schedule_offers(offers(250))
    waiting.all_fall_due()
    assert part in MOVE
    scheduler._move = redis.register_script(MOVE.replace(part, ""))  # the other step never comes
    scheduler.move_due()
    with pytest.raises(AssertionError, match=what):
        waiting.each_once(250)


def test_an_earlier_job_wakes_a_sleeping_mover(redis_url, redis, scheduler, waiting, offers, running, until, monkeypatch):
    monkeypatch.setattr("simulation_core.queue.scheduler.LONGEST_SLEEP_SECONDS", 8.0)
    turns = []
    sleeper = BulkScheduler(connect(redis_url), on_moved=turns.append)
    with running(sleeper):
        until(lambda: len(turns) >= 2 and redis.pubsub_numsub("simulation:scheduler:wake")[0][1] == 1)
        began = time.monotonic()
        scheduler.schedule_offers(offers(1, in_ms=100))
        until(lambda: len(waiting.queued) == 1)
        assert time.monotonic() - began < 4
        scheduler.schedule_offers(offers(1, in_ms=50, attempt=2))  # and lets it see the stop early
    sleeper.connection.close()


def test_it_survives_a_restart_of_redis_and_says_meanwhile_what_is_wrong(own_server, offers, running, until):
    redis = connect(own_server.url)
    mover = BulkScheduler(redis)
    with running(mover):
        until(lambda: mover.problem is None)
        own_server.kill()
        until(lambda: mover.problem is not None)
        assert "Redis" in mover.problem
        own_server.start()
        until(lambda: mover.problem is None)
        assert mover.schedule_offers(offers(10, in_ms=50)) == 10
        until(lambda: redis.llen("rq:queue:simulation-deliver-east") == 10)
    redis.close()


def test_it_waits_for_a_redis_that_isnt_there_yet_and_leaves_when_told(until):
    mover = BulkScheduler(connect("redis://127.0.0.1:1"))
    stop = threading.Event()
    thread = threading.Thread(target=mover.run, args=(stop,), daemon=True)
    thread.start()
    until(lambda: "refused" in (mover.problem or ""))
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
