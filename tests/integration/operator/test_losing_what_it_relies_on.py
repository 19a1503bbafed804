"""The lock, the watch's events and Redis's policy: losing any of them is noticed, said, and healed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest
import redis

from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.ledger.leader import SessionLock
from simulation_core.portals import PortalsFile
from simulation_core.queue.connection import connect
from simulation_operator import main
from simulation_operator.leadership import LOCK
from simulation_operator.login import api_client
from simulation_operator.settings import OperatorSettings
from simulation_sandbox.waiting import wait_for

HOLDS_OR_WAITS = """
    SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted = %s AND application_name = %s AND datname = current_database()
"""


@pytest.fixture
def rival(migrated_url):
    """Somebody else who wants the lock."""
    lock = SessionLock(migrated_url, LOCK)
    yield lock
    lock.release()


def test_a_lost_lock_stops_the_loops_and_another_takes_over(cluster, operator, ledger, rival, tmp_path):
    name = f"lock {LOCK}"
    (holder,) = ledger(HOLDS_OR_WAITS, True, name)
    waiting = threading.Thread(target=rival.acquire, args=(30,))
    waiting.start()
    wait_for(lambda: ledger(HOLDS_OR_WAITS, False, name), what="the rival to wait", within_seconds=10)
    ledger("SELECT pg_terminate_backend(%s)", *holder)
    waiting.join(30)
    assert rival.held()
    wait_for(lambda: "standby" in operator.answer("/readyz")[1], what="the operator to stand by", within_seconds=20)
    lists = operator.metric("simulation_operator_resyncs_total")
    created = cluster.create()
    wait_for(lambda: operator.metric("simulation_operator_resyncs_total") >= lists + 2, what="two lists", within_seconds=30)
    assert ledger.status(created) is None
    assert "status" not in cluster.get()

    folder = tmp_path / "second"
    folder.mkdir()
    second = type(operator)(folder, dict(operator.env))
    try:
        second.launch()
        wait_for(lambda: "standby" in second.answer("/readyz")[1], what="the second to stand by", within_seconds=20)
        rival.release()
        cluster.wait_for_phase("Queued")
        assert sorted(each.answer("/readyz")[0] for each in (operator, second)) == [200, 503]
    finally:
        second.stop()


@asynccontextmanager
async def unwatched(settings: OperatorSettings) -> AsyncIterator[None]:
    """All of an operator but its watch: as if every event got lost."""
    url = settings.database_url.get_secret_value()
    engine = create_ledger_engine(url, application_name="unwatched", pool_size=6)
    queue = connect(settings.redis_url.get_secret_value())
    connection = await api_client()
    operator = main.build(settings, connection, engine, queue, PortalsFile(settings.portals_file))
    loops = [asyncio.ensure_future(loop()) for loop in operator.loops.values()]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await operator.planner.under_way.stop()
        await operator.leadership.release()
        operator.threads.stop()
        await cast(Any, connection).close()
        engine.dispose()
        queue.close()


async def test_a_deletion_that_the_watch_missed_is_found_by_the_list(
    cluster, make_operator, simulation_kind, migrated_url, ledger, monkeypatch
):
    for name, value in make_operator(migrated_url).env.items():
        monkeypatch.setenv(name, value)
    async with unwatched(OperatorSettings()):
        created = await asyncio.to_thread(cluster.create)
        await asyncio.to_thread(cluster.wait_for_phase, "Queued")
        await asyncio.to_thread(cluster.delete)
        await asyncio.to_thread(
            wait_for,
            lambda: ledger("SELECT 1 FROM simulations WHERE id::text = %s AND deleted_at IS NOT NULL", created["metadata"]["uid"]),
            what="the deletion to be found",
            within_seconds=30,
        )


@pytest.fixture
def policy(redis_url):
    """Sets the server's policy; put back after the test."""
    client = redis.Redis.from_url(redis_url)
    yield lambda name: client.config_set("maxmemory-policy", name)
    with suppress(redis.RedisError):
        client.config_set("maxmemory-policy", "noeviction")
    client.close()


def test_a_policy_that_may_evict_jobs_is_a_warning_in_the_condition(cluster, operator, policy):
    policy("allkeys-lru")
    cluster.create()

    def message(simulation: dict[str, Any]) -> str:
        return str(cluster.condition(simulation, "Progressing").get("message", ""))

    warned = cluster.wait(lambda found: "maxmemory-policy is allkeys-lru; set it to noeviction" in message(found), "the warning")
    assert cluster.condition(warned, "Progressing")["status"] == "True"
    policy("noeviction")
    cluster.wait(lambda found: "maxmemory-policy" not in message(found), "the warning to go")
