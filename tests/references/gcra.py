"""The budget's script in memory, on a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass

from simulation_core.queue.admission import Admission
from simulation_worker.budget.limits import Limit


@dataclass
class Shared:
    """One budget, of all who draw on it."""

    limit: Limit
    now_s: float = 0.0
    tat_us: float = 0.0

    def draw(self, uses: int, patience_us: float) -> Admission:
        now_us = self.now_s * 1e6
        base_us = max(self.tat_us, now_us)
        wait_us = base_us - self.limit.tolerance_us - now_us
        if wait_us > patience_us:
            return Admission(wait_us=round(wait_us - patience_us) + 1)
        self.tat_us = base_us + uses * self.limit.spacing_us
        return Admission(uses=uses, first_us=round(wait_us))
