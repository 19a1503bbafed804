"""RQ and rq-scheduler as released read what is ours, and their cron jobs still work."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rq.job import Job
from rq.serializers import JSONSerializer
from rq_scheduler import Scheduler

from simulation_core.clock import now_ms
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.scheduler import BulkScheduler

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

# rq-scheduler's cron asks crontab for a naive time; that is between those two
pytestmark = pytest.mark.filterwarnings("ignore:Version 0.22.0:FutureWarning")


class StockJsonJob(Job):
    def __init__(self, id=None, connection=None, serializer=None):  # noqa: A002 - RQ's name
        super().__init__(id, connection, serializer or JSONSerializer)


@pytest.fixture
def stock(redis):
    return Scheduler(connection=redis, job_class=StockJsonJob)


def test_the_stock_scheduler_counts_lists_and_cancels_our_jobs(scheduler, stock, offers, name):
    given = offers(20)
    scheduler.schedule_offers(given)
    assert stock.count() == 20
    listed = list(stock.get_jobs(with_times=True))
    assert {job.id.split("-")[-2] for job, _ in listed} == {str(number) for number in range(20)}
    assert all(job.func_name == "deliver.east" for job, _ in listed)
    assert name in stock
    stock.cancel(name)
    assert (name in stock, stock.count()) == (False, 19)


def test_rq_info_shows_our_queues(redis_url, scheduler, offers):
    scheduler.schedule_offers(offers(12, in_ms=-10))
    rq = Path(sys.executable).parent / "rq"
    shown = subprocess.run([rq, "info", "--url", redis_url], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "simulation-deliver-east" in shown
    assert "12" in shown


def test_a_cron_job_runs_at_each_of_its_times(redis, scheduler, waiting):
    job = scheduler.cron("*/5 * * * *", "builtins.print", args=["hello"], queue_name="nightly")
    waiting.all_fall_due()
    result = scheduler.move_due()
    assert (result.stock, result.moved) == (1, 0)
    assert redis.lrange("rq:queue:nightly", 0, -1) == [job.id.encode()]
    assert 0 < redis.zscore(SCHEDULED, job.id) - now_ms() / 1000 <= 300
    assert scheduler.move_due().stock == 0


def test_a_job_that_repeats_runs_as_often_as_it_should(redis, scheduler, waiting):
    job = scheduler.schedule(scheduled_time=LONG_AGO, func="builtins.print", interval=30, repeat=2, queue_name="x")
    moved = []
    for _ in range(4):
        waiting.all_fall_due()
        moved.append(scheduler.move_due().stock)
    assert moved[:2] == [1, 1]
    assert sum(moved) in (2, 3)  # rq-scheduler counts a repeat after the run it follows
    assert job.id in {each.decode() for each in redis.lrange("rq:queue:x", 0, -1)}


def test_a_cron_job_is_moved_by_one_replica_alone(redis, scheduler, waiting, monkeypatch):
    scheduler.cron("*/5 * * * *", "builtins.print", queue_name="nightly")
    waiting.all_fall_due()
    other = BulkScheduler(redis)
    seen = []

    def while_the_first_is_at_it(job):
        seen.append(other.move_due().stock)

    monkeypatch.setattr(scheduler, "_move_stock", while_the_first_is_at_it)
    assert scheduler.move_due().stock == 1
    assert seen == [0]


def test_a_pickled_job_is_neither_unpickled_nor_in_the_way(redis, scheduler, waiting, offers, caplog):
    pickling = Scheduler(connection=redis)
    foreign = pickling.enqueue_at(LONG_AGO, print, "hello", queue_name="foreign")
    scheduler.schedule_offers(offers())
    waiting.all_fall_due()
    result = scheduler.move_due()
    assert (result.moved, result.stock) == (1, 1)
    assert redis.llen("rq:queue:foreign") == 0
    assert redis.zscore(SCHEDULED, foreign.id) > now_ms() / 1000
    assert "pickle" in caplog.text


def test_somebody_elses_job_for_our_queue_is_moved_the_stock_way_and_holds_up_none_of_ours(redis, scheduler, waiting, offers, name):
    scheduler.schedule_offers(offers())
    scheduler.enqueue_at(LONG_AGO, "builtins.print", queue_name=waiting.queue.name, job_id="somebody-elses")
    waiting.all_fall_due()
    result = scheduler.move_due()
    assert (result.moved, result.stock) == (1, 1)
    assert set(waiting.queued) == {name, "somebody-elses"}
