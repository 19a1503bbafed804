"""Whose status is built at a look: those that are written before the next one, longest unshown first. Pure but for the clock given in."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from simulation_core.ledger.progress import State
from simulation_core.ledger.values import Status
from simulation_operator.roster import Entry, Roster
from simulation_operator.status import PHASES

MOST_URGENT = 200
MAY_BE_NEWS = 50

PHASE_COUNTS_SECONDS = 2.0  # a change of phase goes before news that are so much older; when a thousand end at once, others wait for them
BEING_PLANNED_WAITS_SECONDS = 10.0  # and they before a first status that says nothing else: it will say more in a moment


def urgency(entry: Entry, phase: str, *, says_only_planning: bool) -> tuple[float, int]:
    """Of a status with this phase; lowest first. Of what became news at the same moment that which was written longest ago.

    After a restart that moment is the same for all, and their versions tell which of them have waited since long before it. Who has asked
    for something since that status has a later version, and comes before them all.
    """
    since = entry.unshown_since or 0.0
    if not entry.written and says_only_planning:
        since += BEING_PLANNED_WAITS_SECONDS
    elif entry.written.get("phase") != phase:
        since -= PHASE_COUNTS_SECONDS
    return since, entry.version if entry.written.get("observedGeneration") == entry.simulation.generation else 0


class Looks:
    """Chooses for one look after the other; `all_within` so many, each Simulation is chosen, whether anything is known to be news or not:
    some changes by the clock alone, or with its portal."""

    def __init__(
        self, roster: Roster, *, all_within: int, most_urgent: int = MOST_URGENT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._roster = roster
        self._most_urgent = most_urgent
        self._all_within = all_within
        self._clock = clock
        self._number = 0

    def choose(self, entries: Sequence[Entry], states: Mapping[UUID, State]) -> list[Entry]:
        """The most urgent of those about which something is news, some of those about which it may be, and others whose turn it is.

        What is news counts as unshown from now on, also of those that are not chosen: their turn comes.
        """
        self._number += 1
        now = self._clock()
        news, maybes, others = [], [], []
        for entry in entries:
            uid = entry.key.uid
            state = states.get(uid)
            if (state is not None and state.changed) or self._roster.is_unshown(uid):
                if entry.unshown_since is None:
                    entry.unshown_since = now
                news.append(entry)
            elif entry.finished:  # what a worker does with a run after its end: of that its row says nothing
                maybes.append(entry)
            elif uid.int % self._all_within == self._number % self._all_within:
                others.append(entry)
        first = heapq.nsmallest(self._most_urgent, news, key=lambda entry: _urgency(entry, states.get(entry.key.uid)))
        return [*first, *self._in_turn(maybes), *others]

    def _in_turn(self, maybes: list[Entry]) -> list[Entry]:
        """All of a few, and of many as many at each look."""
        begin = self._number * MAY_BE_NEWS % max(1, len(maybes))
        return [*maybes[begin:], *maybes[:begin]][:MAY_BE_NEWS]


def most_urgent(writes_per_second: float, look_seconds: float) -> int:
    """How many statuses are built at a look: twice what the limiter lets through until the next one, so that the writer always has
    something to do. The rest would be built again before their turn comes."""
    return max(MOST_URGENT, math.ceil(2 * writes_per_second * look_seconds))


def _urgency(entry: Entry, state: State | None) -> tuple[float, int]:
    status = Status.PLANNING if state is None else state.status
    return urgency(entry, PHASES[status], says_only_planning=state is not None and status is Status.PLANNING)
