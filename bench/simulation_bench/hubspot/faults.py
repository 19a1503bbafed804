"""Every kind of fault that the emulator has; all have the same share of those calls that meet one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from simulation_bench.emulator import Emulator

PERCENT = 5.0  # of the calls, for all kinds together
KINDS = (
    *("throttled", "locked", "moving", "error", "edge"),  # 429, 423, 477, 500, and 502 to 504 or 520 to 524
    *("latency", "lose_response", "late_write", "race", "reset", "slow_drip"),
)
LATE_MS = 1_000  # a late answer, a write that is done after nobody waits for it any more
WAIT_SECONDS = 1  # what a refusal asks for


def inject(emulator: Emulator, seed: int) -> None:
    """From another seed other calls meet them."""
    share = {"kinds": KINDS, "percent": PERCENT / len(KINDS)}
    emulator.add_faults({**share, "seed": seed, "milliseconds": LATE_MS, "retryAfterSeconds": WAIT_SECONDS})


def said(hits: Sequence[Mapping[str, int]], calls: int) -> str:
    """Of all rounds together, by kind. Raises ValueError where a kind befell no call: zeros would prove nothing of it."""
    by_kind: Counter[str] = Counter()
    for of_round in hits:
        by_kind.update(of_round)
    if missed := [kind for kind, count in by_kind.items() if not count]:
        raise ValueError(f"no call met: {', '.join(missed)}")
    return f"{by_kind.total():,} of {calls:,} calls met a fault: {', '.join(f'{count} × {kind}' for kind, count in by_kind.items())}"
