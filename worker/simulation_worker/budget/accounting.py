"""The budget as Redis keeps it: one hash, and the scripts that draw on it and close it. QueueUnavailableError: Redis is away."""

from __future__ import annotations

from redis import Redis

from simulation_core.queue.admission import Admission, Gate, parse_admission
from simulation_core.queue.connection import outages_translated
from simulation_core.queue.taking import LISTS
from simulation_core.reasons import Reason
from simulation_worker.budget.limits import Limit
from simulation_worker.budget.scripts import DRAW, FAILED, PAUSE, SERVED

FAILURES_TO_OPEN = 5  # in a row, of all workers together: a single lost answer is no outage
LONGEST_OPEN_MS = 30_000
PATIENCE_US = 250_000  # work is taken if its first call can begin within this: what is claimed doesn't wait for its calls


class Accounting:
    """`holder` names this process among those who draw on the budget."""

    def __init__(self, redis: Redis, holder: str) -> None:
        self._redis = redis
        self._holder = holder
        self._draw, self._pause, self._failed, self._served = (redis.register_script(script) for script in (DRAW, PAUSE, FAILED, SERVED))

    def gate(self, key: str, limit: Limit, *, patience_us: int, given_back: int, jobs: tuple[int, int], calls: tuple[int, int]) -> Gate:
        """`jobs`: how many make a load, and how many share a call. `calls`: for each of those, and for the whole load."""
        return Gate(
            key=key,
            holder=self._holder,
            spacing_us=limit.spacing_us,
            tolerance_us=limit.tolerance_us,
            patience_us=patience_us,
            given_back=given_back,
            jobs_a_load=jobs[0],
            jobs_a_call=jobs[1],
            calls_each=calls[0],
            calls_more=calls[1],
        )

    def draw(self, key: str, limit: Limit, calls: int, *, patience_us: int = PATIENCE_US, given_back: int = 0) -> Admission:
        """So many, or none. With 0 it only looks."""
        arguments: list[str | float] = [self._holder, limit.spacing_us, limit.tolerance_us, patience_us, given_back, calls]
        with outages_translated():
            return parse_admission(self._draw(keys=[key], args=arguments))

    def pause(self, key: str, reason: Reason, wait_ms: int) -> int:
        """The generation that begins with it."""
        with outages_translated():
            return int(self._pause(keys=[key], args=[reason.value, wait_ms]))

    def failed(self, key: str, least_ms: int) -> tuple[int, int]:
        """Milliseconds for which the circuit is open now, 0: it isn't; and the generation."""
        arguments: list[str | float] = [self._holder, Reason.CIRCUIT_OPEN.value, least_ms, LONGEST_OPEN_MS, FAILURES_TO_OPEN]
        with outages_translated():
            open_ms, generation = self._failed(keys=[key], args=arguments)
        return int(open_ms), int(generation)

    def served(self, key: str, generation: int) -> bool:
        with outages_translated():
            return bool(self._served(keys=[key], args=[generation]))

    def others(self, queue: str) -> tuple[int, int]:
        """How many workers share the budget, as RQ knows them, and how many jobs they have under way or before them.

        What the gate refuses stays in its list. Did only what was taken count, errands that use up the budget would keep it there for ever.
        """
        with outages_translated(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.scard(f"rq:workers:{queue}")
            pipeline.zcard(f"rq:wip:{queue}")
            pipeline.llen(f"{LISTS}{queue}")
            workers, under_way, waiting = pipeline.execute()
        return int(workers), int(under_way) + int(waiting)
