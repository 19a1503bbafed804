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
    """Keeps numbers alone: what the worker would have thrown away must not lie around for its garbage collector."""

    def __init__(self) -> None:
        self.lateness_ms: list[float] = []

    def note(self, load: Sequence[Claimed]) -> None:
        """By the wall clock, which Postgres on the same machine reads as well. From several threads: a list grows in one step."""
        now_ms = time.time() * 1000
        self.lateness_ms.extend([round(now_ms - due_ms, 3) for claimed in load for due_ms in claimed.due_ms])


def main() -> None:
    given = arguments()
    stopping = threading.Event()
    stop_on_signals(stopping)
    begun = Begun()
    engine = ledger(given["database"])
    work(engine, given["redis"], WithoutHubSpot(begun.note), stopping)
    engine.dispose()
    print(json.dumps(begun.lateness_ms))


if __name__ == "__main__":
    main()
