"""A figure: medians of alternating rounds, ours beside the peer's."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`ratio` above 1: ours is better. `spread` is our lowest and highest round. Peer and ratio are None where there is no peer.

    `note` says what was counted, or why there is no peer, where the name doesn't.
    """

    ours: float
    peer: float | None
    ratio: float | None
    unit: str
    spread: tuple[float, float]
    note: str = ""

    def as_json(self) -> Mapping[str, Any]:
        numbers = {"ours": self.ours, "peer": self.peer, "ratio": self.ratio}
        return {
            **{name: None if number is None else _rounded(number) for name, number in numbers.items()},
            "unit": self.unit,
            "spread": [_rounded(end) for end in self.spread],
            **({"note": self.note} if self.note else {}),
        }


def figure(ours: Sequence[float], unit: str, *, peer: Sequence[float] = (), more_is_better: bool = False, note: str = "") -> Figure:
    """From the values of all rounds. Both sides need at least one, the peer only where there is one."""
    median = statistics.median(ours)
    beside = statistics.median(peer) if peer else None
    ratio = None if not beside or not median else (median / beside if more_is_better else beside / median)
    return Figure(ours=median, peer=beside, ratio=ratio, unit=unit, spread=(min(ours), max(ours)), note=note)


def worst(ours: Sequence[float], unit: str, *, peer: Sequence[float] = (), note: str = "") -> Figure:
    """Of faults, the worst round of each side, not the middle one: a record lost once is lost. There is no ratio to nothing."""
    made = figure([max(ours)], unit, peer=[max(peer)] if peer else (), note=note)
    return replace(made, spread=(min(ours), max(ours)))


def _rounded(number: float) -> float:
    """Four significant digits: more would be noise."""
    return float(f"{number:.4g}")
