"""Which claims this worker has under way: from their claim until their end is written."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from simulation_core.queue.taking import Job
from simulation_worker.lease import Lease


class UnderWay:
    """By job. Used by the loop that begins them, the books that end them, and the upkeep."""

    def __init__(self) -> None:
        self._leases: dict[Job, Lease] = {}
        self._lock = threading.Lock()

    def begin(self, jobs: Iterable[Job], lease: Lease) -> None:
        with self._lock:
            self._leases.update(dict.fromkeys(jobs, lease))

    def end(self, jobs: Iterable[Job]) -> int:
        """How many are left."""
        with self._lock:
            for job in jobs:
                self._leases.pop(job, None)
            return len(self._leases)

    @property
    def count(self) -> int:
        return len(self._leases)

    def jobs(self) -> list[Job]:
        with self._lock:
            return list(self._leases)

    def leases(self) -> list[Lease]:
        """Each once."""
        with self._lock:
            return list({id(lease): lease for lease in self._leases.values()}.values())
