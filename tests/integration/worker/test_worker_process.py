"""The process simulation-worker: killed, asked to leave, and started wrongly."""

from __future__ import annotations

import re
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from rq.registry import StartedJobRegistry
from sqlalchemy import Engine

from simulation_core.clock import now_ms
from simulation_core.ledger import portals
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.values import Offer, Status
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.reasons import Reason
from simulation_worker.workshop import JOB_SECONDS

CLAIMED = 1


def test_kill_9_in_mid_batch_then_again_makes_one_company_a_record(
    start_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any
) -> None:
    """Killed after the companies were written and before anybody counted them."""
    run = ledger.publish(records=50)
    outside.fault("contacts/batch/upsert", "latency", milliseconds=8_000)
    first = start_worker()
    jobs.push(run)
    until(lambda: len(outside.keys("companies")) == 50)
    first.kill()
    assert ledger.batch(run)["state"] == CLAIMED
    assert ledger.run(run).records_processed == 0
    outside.no_faults()
    ledger.expire(run)
    start_worker()
    jobs.push(run, attempt=2)  # as the ledger offers it
    until(lambda: ledger.run(run).status is Status.COMPLETED)
    assert ledger.run(run).records_processed == 50
    assert sorted(outside.keys("companies")) == sorted(f"{run}-{i}-c" for i in range(50))
    assert sorted(outside.keys("contacts")) == sorted(f"{run}-{i}-p0" for i in range(50))
    assert outside.joined() == 50
    assert ledger.batch(run)["attempt"] == 2


def test_kill_9_between_start_and_claim_keeps_the_batch_from_others_for_seconds_only(
    start_worker: Any, ledger: Any, jobs: Any, until: Any, engine: Engine
) -> None:
    """The claim waits for a lock, so the worker dies with its job started and its batch still free."""
    run = ledger.publish(records=2)
    started = StartedJobRegistry(queue=jobs.queue())
    offer = Offer(simulation_id=run, batch=0, attempt=1, portal="default", due_ms=now_ms() - 1_000)
    with engine.connect() as connection, connection.begin():
        connection.execute(HOLD_RUN, {"id": run})
        worker = start_worker()
        name = jobs.push(run)
        until(lambda: jobs.redis.zcard(started.key) == 1 and jobs.redis.hget(f"rq:job:{name}", "status") == b"started")
        worker.kill()
    assert ledger.batch(run)["attempt"] == 0
    ((execution, ends_s),) = jobs.redis.zrange(started.key, 0, -1, withscores=True)
    assert ends_s - time.time() <= JOB_SECONDS <= 15
    scheduler = BulkScheduler(jobs.redis)
    assert scheduler.schedule_offers([offer]) == 0
    jobs.redis.zadd(started.key, {execution: time.time() - 0.001})  # rather than waiting for it
    assert scheduler.schedule_offers([offer]) == 1
    start_worker()
    until(lambda: ledger.run(run).status is Status.COMPLETED)


def test_a_job_under_way_is_no_abandoned_one_however_long_its_calls(
    start_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any
) -> None:
    """Its lease in Redis is prolonged again and again."""
    run = ledger.publish(records=2)
    started = StartedJobRegistry(queue=jobs.queue())
    outside.fault("companies/batch/upsert", "latency", milliseconds=7_000)
    start_worker()
    jobs.push(run)

    def lease_ends_s() -> float:
        return max((ends_s for _, ends_s in jobs.redis.zrange(started.key, 0, -1, withscores=True)), default=0)

    until(lambda: lease_ends_s() > 0)
    first_s = lease_ends_s()
    until(lambda: lease_ends_s() > first_s + 1)
    assert ledger.batch(run)["state"] == CLAIMED
    until(lambda: ledger.run(run).status is Status.COMPLETED)
    until(lambda: jobs.redis.zcard(started.key) == 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_leave_it_finishes_the_batch_and_takes_no_other(
    start_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any, number: signal.Signals
) -> None:
    under_way, waiting = ledger.publish(records=10), ledger.publish(records=10)
    outside.fault("companies/batch/upsert", "latency", milliseconds=1_000)
    worker = start_worker()
    jobs.push(under_way)
    until(lambda: ledger.batch(under_way)["state"] == CLAIMED)
    worker.send(number)
    worker.send(number)  # twice changes nothing
    jobs.push(waiting)
    assert worker.ended() == 0
    assert ledger.run(under_way).status is Status.COMPLETED
    assert ledger.batch(waiting)["attempt"] == 0
    assert jobs.queue().count == 1


def test_an_idle_worker_leaves_at_once(start_worker: Any, until: Any) -> None:
    worker = start_worker()
    until(lambda: "serves simulation-deliver-default" in worker.log.read_text())
    worker.send(signal.SIGTERM)
    assert worker.ended(within_seconds=5) == 0


def test_it_waits_for_redis_and_postgres_at_the_start(start_worker: Any, until: Any) -> None:
    worker = start_worker(SIMULATION_REDIS_URL="redis://127.0.0.1:1/0", SIMULATION_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    until(lambda: "trying again" in worker.log.read_text())
    assert worker.running
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0


def test_it_is_ready_without_postgres_and_hubspot(start_worker: Any, until: Any, outside: Any, hubspot: Any) -> None:
    hubspot.stop()
    port = _free_port()
    start_worker(SIMULATION_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", SIMULATION_BIND_ADDRESS=f"127.0.0.1:{port}")
    until(lambda: _status(f"http://127.0.0.1:{port}/readyz") == 200)
    assert _status(f"http://127.0.0.1:{port}/healthz") == 200
    assert _status(f"http://127.0.0.1:{port}/metrics") == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SIMULATION_PORTAL_TOKENS_DIR": "/nowhere"}, "SIMULATION_PORTAL_TOKENS_DIR is malformed"),
        ({"SIMULATION_PORTALS_FILE": "/nowhere"}, "SIMULATION_PORTALS_FILE /nowhere can't be read"),
        ({"SIMULATION_REDIS_URL": "htp://x"}, "SIMULATION_REDIS_URL"),
        ({"SIMULATION_DATABASE_URL": "mysql://x"}, "SIMULATION_DATABASE_URL"),
        ({"SIMULATION_BIND_ADDRESS": "here"}, "SIMULATION_BIND_ADDRESS"),
    ],
)
def test_a_bad_setting_ends_it_with_one_line(start_worker: Any, changes: dict[str, str], said: str) -> None:
    worker = start_worker(**changes)
    assert worker.ended() == 2
    log = worker.log.read_text().strip()
    assert said in log
    assert "\n" not in log


def test_the_token_is_in_no_log(start_worker: Any, settings: dict[str, str], ledger: Any, jobs: Any, until: Any) -> None:
    (Path(settings["SIMULATION_PORTAL_TOKENS_DIR"]) / "default").write_text("pat-na1-very-secret")
    worker = start_worker(SIMULATION_LOG_LEVEL="DEBUG")
    run = ledger.publish(records=2)
    jobs.push(run)
    until(lambda: ledger.run(run).status is Status.COMPLETED)
    assert re.search(r"account 424242", worker.log.read_text())
    assert "very-secret" not in worker.log.read_text()


def test_a_token_that_can_be_none_is_told_until_there_is_one(
    start_worker: Any, settings: dict[str, str], ledger: Any, jobs: Any, engine: Engine, until: Any
) -> None:
    token = Path(settings["SIMULATION_PORTAL_TOKENS_DIR"]) / "default"
    token.write_text("pat-na1 5ecre7")
    start_worker()
    until(lambda: "default" in portals.problems(engine))
    problem = portals.problems(engine)["default"]
    assert problem.reason is Reason.CREDENTIAL_REJECTED
    assert "has characters that no token has" in problem.message
    assert "Put the token into the Secret" in problem.message
    run = ledger.publish(records=2)
    token.write_text("any")
    jobs.push(run)
    until(lambda: ledger.run(run).status is Status.COMPLETED)
    until(lambda: not portals.problems(engine))


def test_who_has_no_token_yet_does_not_speak_for_those_who_have(start_worker: Any, tmp_path: Path, engine: Engine, until: Any) -> None:
    (tmp_path / "behind").mkdir()
    serving = start_worker()
    until(lambda: serving.serves)
    behind = start_worker(SIMULATION_PORTAL_TOKENS_DIR=str(tmp_path / "behind"), SIMULATION_LOG_LEVEL="DEBUG")
    until(lambda: "no usable token" in behind.log.read_text())
    with pytest.raises(AssertionError):
        until(lambda: portals.problems(engine) != {}, within_seconds=2)  # it would tell at once
    serving.send(signal.SIGTERM)
    assert serving.ended() == 0
    until(lambda: "default" in portals.problems(engine))


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code
    except OSError:
        return 0
