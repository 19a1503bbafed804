"""The child process that is a worker, which tells how late each record's delivery was begun.

Until SIGTERM; then it answers milliseconds from when each record was due to when a slot began the load with it, its claim committed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence

from simulation_bench.child import arguments
from simulation_bench.worker.without_hubspot import WithoutHubSpot
from simulation_bench.worker.working import ledger, work
from simulation_core.ledger.values import Claimed
from simulation_worker.rq_worker import stop_on_signals


class Begun:
    """Appending to a list is atomic, so that no slot waits for another."""

    def __init__(self) -> None:
        self._loads: list[tuple[float, Sequence[Claimed]]] = []

    def note(self, load: Sequence[Claimed]) -> None:
        self._loads.append((time.time() * 1000, load))

    def lateness_ms(self) -> list[float]:
        """By the wall clock, which Postgres on the same machine reads as well."""
        return [round(begun_ms - due_ms, 3) for begun_ms, load in self._loads for claimed in load for due_ms in claimed.due_ms]


def main() -> None:
    given = arguments()
    stopping = threading.Event()
    stop_on_signals(stopping)
    begun = Begun()
    engine = ledger(given["database"])
    work(engine, given["redis"], WithoutHubSpot(begun.note), stopping)
    engine.dispose()
    print(json.dumps(begun.lateness_ms()))


if __name__ == "__main__":
    main()
