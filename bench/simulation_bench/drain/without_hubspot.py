"""A worker's desk and delivery that make no records and send none: what is left is the queue and the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from simulation_core.content.values import Record
from simulation_core.ledger.values import Claimed, Outcome
from simulation_worker.crm.fates import Delivered, RecordFate
from simulation_worker.crm.properties import Marks
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

    def count(self, records: int) -> None:
        self.taken += records
        if self.taken >= self._records or self.elapsed_s() >= self.seconds:
            self.reached.set()

    def elapsed_s(self) -> float:
        return time.monotonic() - self.begun_s


class UnconnectedDesk(Desk):
    """Every record is delivered at once."""

    def __init__(self, *desk: Any, limit: Limit, **named: Any) -> None:
        super().__init__(*desk, **named)
        self._limit = limit

    @property
    def ready(self) -> bool:
        return True

    def make_ready(self) -> bool:
        return True

    def deliver(self, marks: Marks, records: Sequence[Record], lease: Lease) -> dict[int, RecordFate]:  # noqa: ARG002 - the product's signature
        delivered = Delivered(crm_ids={}, answered_s=time.monotonic())
        self._limit.count(len(records))
        return {record.number: delivered for record in records}


class WithoutContent(Delivery):
    """Faker takes far longer for a record than everything that is measured here."""

    def _content(self, claimed: Claimed) -> list[Record]:
        pending = (index for index, outcome in enumerate(claimed.outcomes) if outcome is Outcome.PENDING)
        return [Record(number=claimed.first_record + index, company=None, contacts=()) for index in pending]
