"""Whose status is built at a look: those that are written before the next one, longest unshown first. Pure but for the clock given in."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from simulation_core.ledger.progress import State
from simulation_core.ledger.values import Status
from simulation_operator.roster import Entry, Roster

# More than the limiter lets through between two looks, so that the writer always has something to do. To build all of a thousand statuses
# at each look would be in vain but for these: the rest would be built again before their turn comes.
MOST_URGENT = 200

PHASE_COUNTS_SECONDS = 2.0  # a change of phase goes before news that are so much older; when a thousand end at once, others wait for them
BEING_PLANNED_WAITS_SECONDS = 10.0  # and they before a first status that says nothing else: it will say more in a moment


def urgency(entry: Entry, phase: str, *, says_only_planning: bool) -> float:
    """Of a status with this phase; lowest first."""
    since = entry.unshown_since or 0.0
    if not entry.written and says_only_planning:
        return since + BEING_PLANNED_WAITS_SECONDS
    return since if entry.written.get("phase") == phase else since - PHASE_COUNTS_SECONDS


class Looks:
    """Chooses for one look after the other; `all_within` so many, each Simulation is chosen, whether anything is known to be news or not:
    some changes by the clock alone, or with its portal."""

    def __init__(self, roster: Roster, *, all_within: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._roster = roster
        self._all_within = all_within
        self._clock = clock
        self._number = 0

    def choose(self, entries: Sequence[Entry], states: Mapping[UUID, State]) -> list[Entry]:
        """The most urgent of those about which something is news, or may be, and of the others those whose turn it is.

        It counts as unshown from now on, also of those that are not chosen: their turn comes.
        """
        self._number += 1
        now = self._clock()
        news = []
        others = []
        for entry in entries:
            uid = entry.key.uid
            state = states.get(uid)
            if (state is not None and state.changed) or self._roster.is_unshown(uid):
                if entry.unshown_since is None:
                    entry.unshown_since = now
                news.append(entry)
            elif uid.int % self._all_within == self._number % self._all_within:
                others.append(entry)
        return [*heapq.nsmallest(MOST_URGENT, news, key=lambda entry: _urgency(entry, states.get(entry.key.uid))), *others]


def _urgency(entry: Entry, state: State | None) -> float:
    status = Status.PLANNING if state is None else state.status
    return urgency(entry, status.capitalize(), says_only_planning=state is not None and status is Status.PLANNING)
