"""Loads reserve calls and then HubSpot is slow: what they could not call in time they don't call on top of what is new."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from references.gcra import Shared
from simulation_worker.budget.accounting import PATIENCE_US
from simulation_worker.budget.budget import CALLS_A_LOAD, LONGEST_WAIT_US
from simulation_worker.budget.limits import Limit
from simulation_worker.budget.purse import Purse

CALLS = 21  # of a load of a thousand records
SECONDS = 90.0


@dataclass
class Simulated:
    """So many slots deliver one load after the other. `latency_s`: what a call takes that begins then."""

    limit: Limit
    latency_s: Callable[[float], float]
    reserved: int = CALLS_A_LOAD
    patience_us: int = 0  # a large load's
    lateness_s: float | None = None  # None: the limit's
    calls_s: list[float] = field(default_factory=list)
    loads_s: list[float] = field(default_factory=list)  # how long each took

    def run(self, slots: int) -> Simulated:
        self._shared = Shared(self.limit)
        order = itertools.count()
        waiting = [(0.0, next(order), self._slot()) for _ in range(slots)]
        while waiting and waiting[0][0] < SECONDS:
            self._shared.now_s, _, slot = heapq.heappop(waiting)
            heapq.heappush(waiting, (next(slot), next(order), slot))
        return self

    @property
    def most_in_ten_seconds(self) -> int:
        return max(sum(first <= call < first + 10 for call in self.calls_s) for first in self.calls_s)

    def _slot(self) -> Iterator[float]:
        """Until when it waits each time."""
        while True:
            admission = self._shared.draw(self.reserved, self.patience_us)
            if not admission.uses:
                yield self._shared.now_s + admission.wait_us / 1e6
                continue
            began_s = self._shared.now_s
            purse = Purse.of(admission, self.limit.spacing_us, self._shared.now_s)
            for _ in range(CALLS):
                yield from self._call(purse)
            self.loads_s.append(self._shared.now_s - began_s)

    def _call(self, purse: Purse) -> Iterator[float]:
        now_s = self._shared.now_s
        moment_s = purse.pay(now_s - (self.limit.lateness_s if self.lateness_s is None else self.lateness_s))
        if moment_s is None:
            moment_s = now_s + self._shared.draw(1, LONGEST_WAIT_US).first_us / 1e6
        yield max(now_s, moment_s)
        self.calls_s.append(self._shared.now_s)
        yield self._shared.now_s + self.latency_s(self._shared.now_s)


def spike(now_s: float) -> float:
    return 15.0 if 20 <= now_s < 35 else 0.1


@pytest.mark.parametrize("slots", [1, 4, 8, 16, 32])
@pytest.mark.parametrize("limit", [100, 190, 250])
def test_no_ten_seconds_hold_more_than_the_limit(limit: int, slots: int) -> None:
    assert Simulated(Limit(limit), spike).run(slots).most_in_ten_seconds <= limit


def test_what_was_left_over_would_exceed_it() -> None:
    """As it would if all of a load's calls were reserved with it, and could be made at any time later."""
    assert Simulated(Limit(190), spike, reserved=CALLS, patience_us=PATIENCE_US, lateness_s=math.inf).run(8).most_in_ten_seconds > 250


@pytest.mark.parametrize("latency_s", [0.05, 0.2, 0.4])
def test_hardly_a_call_is_lost_for_it_while_hubspot_is_steady(latency_s: float) -> None:
    assert len(Simulated(Limit(190), lambda _: latency_s).run(16).calls_s) > 0.97 * SECONDS * 17


def test_reserving_all_calls_of_a_large_load_would_lose_many() -> None:
    assert len(Simulated(Limit(190), lambda _: 0.2, reserved=CALLS).run(16).calls_s) < 0.8 * SECONDS * 17


def test_loads_are_not_begun_on_top_of_each_other() -> None:
    """A load whose calls take 0.1 s each needs two seconds at least; the more are under way, the longer each holds its claim."""
    assert max(Simulated(Limit(190), lambda _: 0.1).run(16).loads_s[-20:]) < 4
    assert max(Simulated(Limit(190), lambda _: 0.1, patience_us=PATIENCE_US).run(16).loads_s[-20:]) > 7
