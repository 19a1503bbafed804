"""The epoch: a counter in Redis that each tick raises. When it is missing or lower than it was, Redis lost what it held."""

from __future__ import annotations

from redis import Redis

from simulation_core.queue.connection import outages_translated

KEY = "simulation:epoch"


class Epoch:
    """One process's view of the counter. All replicas raise the same one, so it only ever grows, unless the queue was lost."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._seen = 0

    def lost(self) -> bool:
        """Raises the counter; True if Redis was emptied, or fell back to an older state, since the last call.

        Raises QueueUnavailableError.
        """
        with outages_translated():
            counter = int(self._redis.incr(KEY))
        lost = counter <= self._seen
        self._seen = counter
        return lost
