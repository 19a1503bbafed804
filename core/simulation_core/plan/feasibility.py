"""Whether a plan fits the portal's limits, judged by the batches that it will take, each with calls of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulation_core.plan.batches import MAX_BATCH
from simulation_core.portals import Portal
from simulation_core.reasons import Reason

TEN_SECONDS_MS = 10_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
# A batch's calls. B2B: companies, contacts, their associations. B2C: contacts.
CALLS_A_BATCH = {"B2B": 3, "B2C": 1}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a plan asks of a portal."""

    scenario: str
    records: int
    window_ms: int
    tolerance_ms: int
    peak_per_minute: int

    @property
    def peak_calls(self) -> int:
        """Within the fullest ten seconds: the records of its minute (or shorter window) taken as even."""
        records = math.ceil(self.peak_per_minute * TEN_SECONDS_MS / min(MINUTE_MS, max(self.window_ms, TEN_SECONDS_MS)))
        return self._calls(records, TEN_SECONDS_MS)

    @property
    def calls(self) -> int:
        return self._calls(self.records, self.window_ms)

    @property
    def calls_a_day(self) -> int:
        """On the fullest day, which has at most as many as its minutes have at the peak."""
        return min(self.calls, self._calls(min(self.records, self.peak_per_minute * DAY_MS // MINUTE_MS), DAY_MS))

    def _calls(self, records: int, within_ms: int) -> int:
        """A batch is closed by the tolerance or by being full; there are never more batches than records."""
        by_time = records if self.tolerance_ms == 0 else math.ceil(within_ms / self.tolerance_ms)
        return min(records, by_time + records // MAX_BATCH) * CALLS_A_BATCH[self.scenario]


@dataclass(frozen=True)
class Feasibility:
    holds: bool
    reason: Reason
    message: str


def feasible(load: Load, portal: Portal) -> Feasibility:
    """No: records will be late, and the message says what would do. An estimate from above: what fits by it fits."""
    if load.peak_calls > portal.calls_per_ten_seconds:
        return Feasibility(
            False,
            Reason.EXCEEDS_LIMITS,
            f"The fullest ten seconds need up to {load.peak_calls} calls, and portal {portal.name!r} has {portal.calls_per_ten_seconds}: "
            "records will be late. Lengthen the window, raise toleranceMilliseconds or lower totalRecords.",
        )
    if load.calls_a_day > portal.calls_per_day:
        return Feasibility(
            False,
            Reason.EXCEEDS_LIMITS,
            f"The fullest day needs up to {load.calls_a_day} calls, and portal {portal.name!r} has {portal.calls_per_day}: records will be "
            "late. Lengthen the window, raise toleranceMilliseconds or lower totalRecords.",
        )
    return Feasibility(
        True,
        Reason.WITHIN_LIMITS,
        f"The fullest ten seconds need up to {load.peak_calls} of the portal's {portal.calls_per_ten_seconds} calls; "
        f"in all it is up to {load.calls}, at {portal.calls_per_day} a day.",
    )
