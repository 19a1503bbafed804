"""The process simulation-scheduler: from start to SIGTERM, with a second replica, and with what it needs missing."""

from __future__ import annotations

from simulation_core.ledger import migrate


def test_it_offers_moves_and_leaves_when_asked(ledger, migrated_url, start_scheduler, waiting, until):
    process = start_scheduler(migrated_url)
    until(lambda: process.ready)
    assert process.get("/healthz")[0] == 200
    run = ledger.publish(-5, 1_500, 30_000)
    until(lambda: waiting.queued() == [f"{run}-0-1", f"{run}-1-1"])
    assert waiting.scheduled == [f"{run}-2-1"]
    assert process.metric('simulation_scheduler_offered_total{what="upcoming"}') == 2
    assert process.metric('simulation_scheduler_jobs_total{what="moved"}') == 1
    assert process.terminated() == 0
    assert "leaving" in process.log.read_text()


def test_two_replicas_and_one_killed_leave_each_job_once(ledger, migrated_url, start_scheduler, waiting, until):
    first = start_scheduler(migrated_url)
    second = start_scheduler(migrated_url)
    until(lambda: first.ready and second.ready)
    runs = [ledger.publish(*range(1_000, 3_000, 200)) for _ in range(2)]
    until(lambda: len(waiting.queued()) >= 4)
    first.kill()
    until(lambda: len(waiting.queued()) == 20)
    assert len(set(waiting.queued())) == 20
    assert waiting.scheduled == []
    assert runs


def test_flushed_it_says_so_and_offers_again(redis, ledger, migrated_url, start_scheduler, waiting, until):
    process = start_scheduler(migrated_url)
    ledger.publish(*range(30_000, 30_100))
    until(lambda: len(waiting.scheduled) == 100)
    redis.flushall()
    until(lambda: len(waiting.scheduled) == 100)
    assert process.metric("simulation_scheduler_queue_losses_total") == 1
    assert "Redis lost the queue" in process.log.read_text()


def test_it_is_unready_until_the_schema_is_there_and_then_goes_on_by_itself(database_url, start_scheduler, until):
    process = start_scheduler(database_url)
    until(lambda: "run simulation-migrate" in process.get("/readyz")[1])
    assert process.get("/readyz")[0] == 503
    assert process.get("/healthz")[0] == 200
    migrate.upgrade(database_url)
    until(lambda: process.ready)


def test_without_redis_it_is_unready_and_says_why(migrated_url, start_scheduler, until):
    process = start_scheduler(migrated_url, SIMULATION_REDIS_URL="redis://127.0.0.1:1")
    until(lambda: "Redis" in process.get("/readyz")[1])
    assert process.get("/healthz")[0] == 200
    assert process.terminated() == 0


def test_a_faulty_setting_ends_it_with_one_line(migrated_url, start_scheduler):
    process = start_scheduler(migrated_url, SIMULATION_HORIZON_SECONDS="soon", SIMULATION_REDIS_URL="nowhere")
    assert process.process.wait(20) == 2
    lines = process.log.read_text().splitlines()
    assert len(lines) == 1
    assert "SIMULATION_HORIZON_SECONDS is malformed" in lines[0]
