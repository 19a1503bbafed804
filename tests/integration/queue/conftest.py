"""A scheduler on the real Valkey, offers in one line, and the checks that tests share with their broken copies."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from rq.queue import Queue
from rq.serializers import JSONSerializer

from simulation_core.clock import now_ms
from simulation_core.kinds import Kind
from simulation_core.ledger.values import Offer
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.names import job_id, queue_name
from simulation_core.queue.scheduler import BulkScheduler
from simulation_sandbox.valkey import Valkey

SIMULATION = uuid.UUID("6f1c2a55-0000-4222-8333-444455556666")
EAST = queue_name(Kind.DELIVER, "east")

MAKE_DUE = "for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], ARGV[1], id) end"


class Waiting:
    """What waits in Redis, as RQ's own classes see it."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.queue = Queue(EAST, connection=redis, serializer=JSONSerializer)

    @property
    def queued(self) -> list[str]:
        return [each.decode() for each in self.redis.lrange(self.queue.key, 0, -1)]

    @property
    def scheduled(self) -> int:
        return int(self.redis.zcard(SCHEDULED))

    def all_fall_due(self) -> None:
        """Rather than waiting for it."""
        self.redis.eval(MAKE_DUE, 1, SCHEDULED, now_ms() / 1000 - 1)

    def each_once(self, count: int) -> None:
        """The check: every job of `count` waits, either scheduled or queued, and none twice."""
        names = Counter([*self.queued, *(each.decode() for each in self.redis.zrange(SCHEDULED, 0, -1))])
        twice = [name for name, times in names.items() if times > 1]
        assert not twice, f"{len(twice)} jobs wait twice"
        assert len(names) == count, f"{count - len(names)} jobs are lost"


@pytest.fixture
def scheduler(redis: Redis) -> BulkScheduler:
    return BulkScheduler(redis)


@pytest.fixture
def waiting(redis: Redis) -> Waiting:
    return Waiting(redis)


@pytest.fixture
def offers() -> Callable[..., list[Offer]]:
    """`offers(3, in_ms=500)`: that many batches, all due then; or `step_ms` apart."""

    def make(count: int = 1, *, in_ms: int = 60_000, step_ms: int = 0, attempt: int = 1) -> list[Offer]:
        due_ms = now_ms() + in_ms
        return [
            Offer(simulation_id=SIMULATION, batch=batch, attempt=attempt, portal="east", due_ms=due_ms + batch * step_ms)
            for batch in range(count)
        ]

    return make


@pytest.fixture
def name() -> str:
    """The id of the first of any offers."""
    return job_id(SIMULATION, 0, 1)


@pytest.fixture
def running() -> Callable[[BulkScheduler], AbstractContextManager[None]]:
    @contextmanager
    def run(scheduler: BulkScheduler) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=scheduler.run, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()

    return run


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Valkey]:
    """A server a test may stop, kill and misconfigure."""
    server = Valkey(tmp_path / "valkey")
    server.start()
    yield server
    server.remove()
