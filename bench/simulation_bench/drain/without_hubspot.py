"""A worker's desk and delivery that make no records and send none: what is left is the queue, the slots and the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from simulation_core.ledger.values import Claimed
from simulation_worker.crm.fates import Delivered, RecordFate
from simulation_worker.deliver import Delivery
from simulation_worker.desk import Desk
from simulation_worker.lease import Lease


class Limit:
    """Counts what was taken; `reached` is set at so many records, or after so many seconds."""

    def __init__(self, *, records: int, seconds: float) -> None:
        self.seconds = seconds
        self.taken = 0
        self.begun_s = time.monotonic()
        self.reached = threading.Event()
        self._records = records
        self._counting = threading.Lock()

    def count(self, records: int) -> None:
        with self._counting:
            self.taken += records
            if self.taken >= self._records or self.elapsed_s() >= self.seconds:
                self.reached.set()

    def elapsed_s(self) -> float:
        return time.monotonic() - self.begun_s


class UnconnectedDesk(Desk):
    """Always ready."""

    @property
    def ready(self) -> bool:
        return True

    def make_ready(self) -> bool:
        return True


class WithoutHubSpot(Delivery):
    """Every record is delivered at once. Faker and HubSpot take far longer for a record than everything that is measured here."""

    def __init__(self, limit: Limit, **named: Any) -> None:
        super().__init__(**named)
        self._limit = limit

    def _fates(self, load: Sequence[Claimed], desk: Desk, lease: Lease) -> list[dict[int, RecordFate]]:  # noqa: ARG002 - the product's signature
        delivered = Delivered(crm_ids={}, answered_s=time.monotonic())
        self._limit.count(sum(len(claimed.due_ms) for claimed in load))
        return [dict.fromkeys(range(c.first_record, c.first_record + len(c.due_ms)), delivered) for c in load]
