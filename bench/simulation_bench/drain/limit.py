"""How much a worker takes before it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from simulation_core.ledger.values import Claimed


class Limit:
    """Counts what was taken; `reached` is set at so many records, or after so many seconds."""

    def __init__(self, *, records: int, seconds: float) -> None:
        self.seconds = seconds
        self.taken = 0
        self.begun_s = time.monotonic()
        self.reached = threading.Event()
        self._records = records
        self._counting = threading.Lock()

    def count(self, load: Sequence[Claimed]) -> None:
        records = sum(len(claimed.due_ms) for claimed in load)
        with self._counting:
            self.taken += records
            if self.taken >= self._records or self.elapsed_s() >= self.seconds:
                self.reached.set()

    def elapsed_s(self) -> float:
        return time.monotonic() - self.begun_s
