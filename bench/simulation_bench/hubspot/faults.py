"""Faults of every kind that the emulator has, which share five percent of the calls among themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulation_bench.emulator import Emulator

PERCENT = 5.0
Fault = Mapping[str, object]

# By what a person would call it. Whoever is asked to wait is asked for a second: HubSpot's ten would leave few calls to be hit.
EVERY_KIND: Mapping[str, Fault] = {
    "answer lost": {"kind": "lose_response"},
    "connection reset": {"kind": "reset"},
    "slow answer": {"kind": "slow_drip", "milliseconds": 2_000},
    **{str(status): {"kind": "status", "status": status} for status in (409, 500, 502, 503, 504, 520, 522, 524)},
    **{str(status): {"kind": "status", "status": status, "retryAfterSeconds": 1} for status in (423, 429, 477)},
}


def inject(emulator: Emulator) -> None:
    for fault in EVERY_KIND.values():
        emulator.add_fault({**fault, "percent": PERCENT / len(EVERY_KIND)})


def said(hits: Sequence[int], calls: int) -> str:
    """Of all rounds together. Raises ValueError where a kind befell no call: zeros would prove nothing of it."""
    by_name = dict(zip(EVERY_KIND, hits, strict=True))
    if missed := [name for name, count in by_name.items() if not count]:
        raise ValueError(f"no call met: {', '.join(missed)}")
    return f"{sum(hits):,} of {calls:,} calls met a fault: {', '.join(f'{count} × {name}' for name, count in by_name.items())}"
