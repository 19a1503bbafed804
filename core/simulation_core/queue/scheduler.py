"""rq-scheduler, made exact: milliseconds instead of seconds, thousands at once, several replicas without a lock, outages waited for.

The data stay rq-scheduler's own (a zset of job ids by due time, and RQ's job hashes), so its get_jobs, cancel, count and `rq info` read
them. What the released one does otherwise, and why that won't do here: it fires up to a second early (whole-second scores), polls
each minute, moves a job in several steps (a crash between them loses or doubles it), and any Redis error ends it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq.utils import now as utc_now
from rq.utils import utcformat
from rq_scheduler import Scheduler

from simulation_core.errors import QueueUnavailableError
from simulation_core.kinds import FUNCTIONS, Kind
from simulation_core.ledger.offers import Offers
from simulation_core.ledger.values import Offer
from simulation_core.queue.connection import outages_translated
from simulation_core.queue.jobs import FAILURE_SECONDS, SCHEDULED, WAKE, DataJob
from simulation_core.queue.names import OUR_QUEUES, job_id_prefix
from simulation_core.queue.overlapping import called_in_turn
from simulation_core.queue.packing import packed
from simulation_core.queue.scripts import MOVE, SCHEDULE

log = logging.getLogger(__name__)

OFFERED_AT_ONCE, MOVED_AT_ONCE = 250, 250  # jobs a script call: about a millisecond or two in which Redis serves nobody else
STOCK_RESERVED_SECONDS = 60  # a cron job whose mover died is moved by another after this
LONGEST_SLEEP_SECONDS = 0.5  # also how long a stop waits at most
SHORTEST_SLEEP_SECONDS = 0.002  # jobs due within it move together
HEARTBEAT_SECONDS = 10.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 5.0


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What one call of move_due did."""

    moved: int  # into their queues
    dropped: int  # cancelled, or without a hash
    held: int  # left to the ledger: their queue is at its ceiling, or behind
    stock: int  # moved the stock way: cron and periodic jobs
    next_due_seconds: float | None  # the earliest still scheduled
    now_seconds: float  # Redis's clock

    @property
    def full(self) -> bool:
        """There may be more due."""
        return self.moved + self.dropped + self.held + self.stock >= MOVED_AT_ONCE

    @property
    def sleep_seconds(self) -> float:
        if self.full:
            return 0.0
        left = LONGEST_SLEEP_SECONDS if self.next_due_seconds is None else self.next_due_seconds - self.now_seconds
        return min(LONGEST_SLEEP_SECONDS, max(SHORTEST_SLEEP_SECONDS, left))


class BulkScheduler(Scheduler):  # type: ignore[misc]  # rq-scheduler is published without types
    """Any number of replicas may run at once: what they share happens inside Redis's scripts."""

    job_class = DataJob

    def __init__(self, connection: Redis, *, on_moved: Callable[[Moved], None] = lambda _: None, **stock: Any) -> None:
        super().__init__(connection=connection, **stock)
        self.connection: Redis = connection
        self.ceilings: Mapping[str, int] = {}  # queue name → how long it may get by what is due; others are not limited
        self.behind: Collection[str] = ()  # queues for which `move_due` leaves what is due to the ledger, whose order is the fair one
        self.problem: str | None = "not connected to Redis yet"  # None while `run` turns
        self.beaten_s = time.monotonic()  # when `run` last turned or waited: liveness
        self._on_moved = on_moved
        self._heartbeat_due_s = 0.0
        self._schedule = SCHEDULE
        self._move = connection.register_script(MOVE)

    # -- offering

    def schedule_offers(self, offers: Sequence[Offer], kind: Kind = Kind.DELIVER) -> int:
        """Puts one job an offer into Redis, unless it is there already; what is due goes to its queue at once, in the order given.

        Returns how many were added. Raises QueueUnavailableError; some may have been added by then, which does no harm.
        """
        columns = offers if isinstance(offers, Offers) else Offers.of((offer, 1) for offer in offers)
        head: list[str | int | bytes] = [WAKE, utcformat(utc_now()), FAILURE_SECONDS, FUNCTIONS, OUR_QUEUES, kind, job_id_prefix(kind)]
        head += _counted(self.ceilings)
        chunks = (columns[first : first + OFFERED_AT_ONCE] for first in range(0, len(columns), OFFERED_AT_ONCE))
        calls = (head + packed(chunk) for chunk in chunks)
        with outages_translated():
            return sum(map(int, called_in_turn(self.connection, self._schedule, SCHEDULED, calls)))

    def queued(self, queues: Sequence[str]) -> list[int]:
        """How many jobs wait in each of the named queues. Raises QueueUnavailableError."""
        with outages_translated(), self.connection.pipeline(transaction=False) as pipeline:
            for queue in queues:
                pipeline.llen(f"{self.queue_class.redis_queue_namespace_prefix}{queue}")
            return [int(length) for length in pipeline.execute()]

    def waiting_in(self, queue: str) -> frozenset[str]:
        """The ids of the jobs that wait in the named queue. Raises QueueUnavailableError."""
        with outages_translated():
            answer: Any = self.connection.lrange(f"{self.queue_class.redis_queue_namespace_prefix}{queue}", 0, -1)
        return frozenset(job.decode() for job in answer)

    # -- moving

    def move_due(self) -> Moved:
        """Moves some hundred due jobs to their queues. Raises QueueUnavailableError, having moved all of them or none."""
        ceilings = _flat({**self.ceilings, **dict.fromkeys(self.behind, 0)})
        head: list[str | int] = [MOVED_AT_ONCE, utcformat(utc_now()), FAILURE_SECONDS, FUNCTIONS, OUR_QUEUES, STOCK_RESERVED_SECONDS]
        with outages_translated():
            moved, dropped, held, following, clock, stock = self._move(keys=[SCHEDULED], args=[*head, *ceilings])
            for job in stock:
                self._move_stock(job.decode())
        result = Moved(
            moved=moved,
            dropped=dropped,
            held=held,
            stock=len(stock),
            next_due_seconds=float(following) if following else None,
            now_seconds=float(clock),
        )
        self._on_moved(result)
        return result

    def _move_stock(self, job: str) -> None:
        """rq-scheduler's own way, for its cron and periodic jobs. The script reserved it: no other replica moves it as well."""
        try:
            self.enqueue_job(self.job_class.fetch(job, connection=self.connection))
        except RedisError:
            raise
        except Exception:
            log.exception("job %s can't be moved (JSON jobs only; pickle is code) and is tried again in %d s", job, STOCK_RESERVED_SECONDS)

    def enqueue_jobs(self) -> None:
        """rq-scheduler's entry point for moving what is due."""
        while self.move_due().full:
            pass

    # -- running

    def run(self, stop: threading.Event) -> None:
        """Moves jobs when they are due, until `stop` is set. Redis going away is waited for."""
        wait_s = FIRST_WAIT_SECONDS
        while not stop.is_set():
            self.beaten_s = time.monotonic()
            try:
                with outages_translated(), self._awakened() as wakes:
                    while not stop.is_set():
                        self._turn(wakes)
                        self.problem = None
                        wait_s = FIRST_WAIT_SECONDS
            except QueueUnavailableError as error:
                self._wait(stop, wait_s, str(error))
                wait_s = min(LONGEST_WAIT_SECONDS, wait_s * 2)
            except Exception as error:
                log.exception("moving due jobs failed")
                self._wait(stop, LONGEST_WAIT_SECONDS, f"moving due jobs failed: {type(error).__name__}")
        self._leave()

    def _wait(self, stop: threading.Event, seconds: float, problem: str) -> None:
        if self.problem != problem:
            log.warning("%s; trying again every few seconds", problem)
        self.problem = problem
        stop.wait(seconds)

    def _awakened(self) -> AbstractContextManager[Any]:
        redis: Any = self.connection  # pubsub has no types
        wakes = redis.pubsub(ignore_subscribe_messages=True)
        wakes.subscribe(WAKE)
        self._heartbeat_due_s = 0.0
        return closing(wakes)

    def _turn(self, wakes: Any) -> None:
        self.beaten_s = time.monotonic()
        if time.monotonic() >= self._heartbeat_due_s:
            self._be_known()
        sleep_s = self.move_due().sleep_seconds
        if sleep_s:
            wakes.get_message(timeout=sleep_s)  # returns early when an earlier job comes

    def _be_known(self) -> None:
        """The instance's key, by which rq-scheduler's tools know who runs; again after Redis was wiped."""
        if not self.connection.expire(self.key, int(self._interval) + 10):
            self.register_birth()
        self._heartbeat_due_s = time.monotonic() + HEARTBEAT_SECONDS

    def _leave(self) -> None:
        try:
            self.register_death()
        except RedisError as error:
            log.warning("Redis: %s; this scheduler's key expires by itself", error)


def _flat(ceilings: Mapping[str, int]) -> list[str | int]:
    return [part for pair in ceilings.items() for part in pair]


def _counted(ceilings: Mapping[str, int]) -> list[str | int]:
    return [len(ceilings), *_flat(ceilings)]
