"""When to try again. Pure: what happened and a random number go in, milliseconds come out. Whether to try again is the ledger's to say."""

from __future__ import annotations

from collections.abc import Sequence

from simulation_core.reasons import Reason
from simulation_worker.crm.fates import Postponed

FIRST_MS = 1_000
LONGEST_MS = 300_000
LONGEST_OUTAGE_MS = 30_000
LONGEST_CRASH_MS = 30_000


def retry_after_ms(postponed: Sequence[tuple[Postponed, int]], dice: float) -> int:
    """For a batch of which these records were postponed, each with the tries it had before; `dice` in 0 … 1. The longest counts for all."""
    return max((record_after_ms(fate, tries, dice) for fate, tries in postponed), default=0)


def record_after_ms(fate: Postponed, tries: int, dice: float) -> int:
    """The portal's own wait, to the millisecond; for what may be the record's own trouble 1 s, 4 s, 16 s … up to 5 min.

    Of the latter up to half is taken off at random, so that batches that failed together don't return together.
    """
    if not fate.counts_as_try:
        return fate.wait_ms
    longest = min(LONGEST_MS, FIRST_MS << (2 * min(tries, 10)))
    return max(fate.wait_ms // 2, round(longest * (1 - dice / 2)))


def after_crash_ms(crashes: int) -> int:
    """After the `crashes`th attempt in a row that ended in a fault of the worker's own: 4 s, 16 s, then 30 s."""
    return min(LONGEST_CRASH_MS, FIRST_MS << (2 * min(crashes, 10)))


def hold_ms(reason: Reason, asked_ms: int, outages: int) -> int:
    """How long to leave a portal alone. HubSpot's word counts, but an outage that goes on is asked about less and less often."""
    if reason is not Reason.PORTAL_UNAVAILABLE:
        return asked_ms
    return max(asked_ms, min(LONGEST_OUTAGE_MS, FIRST_MS << min(max(outages - 1, 0), 10)))
