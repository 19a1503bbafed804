"""How old each status is: since when the ledger has known something that the API server doesn't show. Pure but for the clock given in."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from simulation_operator.resource import settled_records

_RANK = {"Planning": 0, "Queued": 1, "Running": 2, "Suspended": 2, "Completed": 3, "Failed": 3, "Cancelled": 3}


class Known(NamedTuple):
    """Of a run, in the order in which it can only grow."""

    phase: str
    settled: int  # records with an outcome

    @property
    def rank(self) -> tuple[int, int]:
        return _RANK[self.phase], self.settled


NOTHING = Known("Planning", -1)


@dataclass(kw_only=True)
class _Simulation:
    created_s: float
    shown: Known = NOTHING
    news: deque[tuple[Known, float]] = field(default_factory=deque)  # what the ledger knew and since when, oldest first


class Ages:
    """Fed by two threads: what the watch shows, and what the ledger knows. Times are of the monotonic clock."""

    def __init__(self) -> None:
        self._simulations: dict[UUID, _Simulation] = {}
        self._lock = threading.Lock()

    @property
    def uids(self) -> list[UUID]:
        return list(self._simulations)

    def created(self, uid: UUID, now_s: float) -> None:
        with self._lock:
            self._simulations.setdefault(uid, _Simulation(created_s=now_s))

    def shows(self, uid: UUID, status: Mapping[str, Any]) -> None:
        """A status was written."""
        with self._lock:
            seen = self._simulations.get(uid)
            if seen is None or "phase" not in status:
                return
            seen.shown = Known(status["phase"], settled_records(status))
            while seen.news and seen.news[0][0].rank <= seen.shown.rank:
                seen.news.popleft()

    def knows(self, uid: UUID, known: Known, now_s: float) -> None:
        """The ledger was asked."""
        with self._lock:
            seen = self._simulations.get(uid)
            if seen is None:
                return
            newest = seen.news[-1][0] if seen.news else seen.shown
            if known.rank > newest.rank:
                seen.news.append((known, now_s))

    def oldest_s(self, now_s: float) -> float:
        """Of all; a Simulation without a status is as old as itself."""
        with self._lock:
            return max((_age_s(seen, now_s) for seen in self._simulations.values()), default=0.0)

    def phases(self) -> list[str]:
        """Shown now."""
        with self._lock:
            return [seen.shown.phase for seen in self._simulations.values()]

    def completed(self, records: int) -> int:
        with self._lock:
            return sum(seen.shown == Known("Completed", records) for seen in self._simulations.values())


def _age_s(seen: _Simulation, now_s: float) -> float:
    if seen.shown is NOTHING:
        return now_s - seen.created_s
    return now_s - seen.news[0][1] if seen.news else 0.0
