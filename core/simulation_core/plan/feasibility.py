"""Whether a plan fits the portal's limits: a lower bound of the calls it needs, so that "no" is certain and "yes" is not a promise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulation_core.portals import Portal
from simulation_core.reasons import Reason

RECORDS_PER_CALL = 100
TEN_SECONDS_PER_MINUTE = 6
# B2B: companies, contacts, their associations. B2C: contacts.
CALLS_PER_FULL_BATCH = {"B2B": 3, "B2C": 1}


@dataclass(frozen=True)
class Feasibility:
    holds: bool
    reason: Reason
    message: str


def feasible(scenario: str, total_records: int, peak_per_minute: int, portal: Portal) -> Feasibility:
    """Judged with every call full: 100 records each, the best that batching can do."""
    per_batch = CALLS_PER_FULL_BATCH[scenario]
    peak_calls = math.ceil(peak_per_minute / TEN_SECONDS_PER_MINUTE / RECORDS_PER_CALL) * per_batch
    all_calls = math.ceil(total_records / RECORDS_PER_CALL) * per_batch
    if peak_calls > portal.calls_per_ten_seconds:
        return Feasibility(
            False,
            Reason.EXCEEDS_LIMITS,
            f"The peak of {peak_per_minute} records a minute needs at least {peak_calls} calls per ten seconds, and portal {portal.name!r} "
            f"has {portal.calls_per_ten_seconds}: records will be late. Lengthen the window or lower totalRecords.",
        )
    return Feasibility(
        True,
        Reason.WITHIN_LIMITS,
        f"At the peak at least {peak_calls} of the portal's {portal.calls_per_ten_seconds} calls per ten seconds, in all at least "
        f"{all_calls} calls at {portal.calls_per_day} a day.",
    )
