"""A worker's desk and delivery that make no records and send none: what is left is the queue, the slots and the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from simulation_core.ledger.values import Claimed
from simulation_worker.crm.fates import Delivered, RecordFate
from simulation_worker.deliver import Delivery
from simulation_worker.desk import Desk
from simulation_worker.lease import Lease


class UnconnectedDesk(Desk):
    """Always ready."""

    @property
    def ready(self) -> bool:
        return True

    def make_ready(self) -> bool:
        return True


class WithoutHubSpot(Delivery):
    """Every record is delivered at once. Faker and HubSpot take far longer for a record than everything that is measured here.

    `on_begun` is told of each load when its slot begins it, its claim committed; from several threads.
    """

    def __init__(self, on_begun: Callable[[Sequence[Claimed]], None], **named: Any) -> None:
        super().__init__(**named)
        self._on_begun = on_begun

    def _fates(self, load: Sequence[Claimed], desk: Desk, lease: Lease) -> list[dict[int, RecordFate]]:  # noqa: ARG002 - the product's signature
        self._on_begun(load)
        delivered = Delivered(crm_ids={}, answered_s=time.monotonic())
        return [dict.fromkeys(range(c.first_record, c.first_record + len(c.due_ms)), delivered) for c in load]
