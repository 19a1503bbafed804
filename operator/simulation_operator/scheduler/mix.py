"""How many records a batch has, by portal, among what may wait in its queue now: what is overdue, and what falls due within seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulation_core.ledger.offers import Offers
from simulation_operator.scheduler.decide import FEED_SECONDS


@dataclass
class _Tally:
    batches: int = 0
    records: int = 0

    def add(self, batches: int, records: int) -> None:
        self.batches += batches
        self.records += records


@dataclass
class _Portal:
    overdue: _Tally = field(default_factory=_Tally)
    is_behind: bool = False
    upcoming: dict[int, _Tally] = field(default_factory=lambda: defaultdict(_Tally))  # by the second in which they fall due


class Mix:
    """Counts what the dispatcher reads anyway. What is counted twice, after a reconcile, changes a mean little."""

    def __init__(self) -> None:
        self._portals: dict[str, _Portal] = defaultdict(_Portal)

    def saw_upcoming(self, offers: Offers) -> None:
        portals = sorted({run.portal for run in offers.runs})
        portal = np.array([portals.index(run.portal) for run in offers.runs], dtype=np.int64)[offers.run]
        for index, name in enumerate(portals):
            of_portal = portal == index
            seconds, second = np.unique(offers.due_ms[of_portal] // 1000, return_inverse=True)
            batches, records = np.bincount(second), np.bincount(second, weights=offers.records[of_portal])
            for each, batches_, records_ in zip(seconds.tolist(), batches.tolist(), records.tolist(), strict=True):
                self._portals[name].upcoming[each].add(batches_, int(records_))

    def saw_overdue(self, portal: str, offers: Offers, *, is_behind: bool) -> None:
        """`is_behind`: there was more than was asked for. Then the queue is fed from what is overdue alone."""
        seen = self._portals[portal]
        seen.overdue = _Tally(len(offers), int(offers.records.sum()))
        seen.is_behind = is_behind

    def records_a_batch(self, now_ms: int) -> Mapping[str, float]:
        """By portal; none where nothing is due now or soon."""
        return {name: mean for name, portal in self._portals.items() if (mean := _mean(portal, now_ms // 1000)) is not None}


def _mean(portal: _Portal, now_s: int) -> float | None:
    for second in [second for second in portal.upcoming if second < now_s]:
        del portal.upcoming[second]
    soon = [] if portal.is_behind else [tally for second, tally in portal.upcoming.items() if second <= now_s + FEED_SECONDS]
    batches = portal.overdue.batches + sum(tally.batches for tally in soon)
    return (portal.overdue.records + sum(tally.records for tally in soon)) / batches if batches else None
