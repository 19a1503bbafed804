"""Unexpected failures, Simulation by Simulation: the log has each of them; from the third in a row on, the Simulation says so too."""

from __future__ import annotations

from simulation_core.reasons import Reason
from simulation_operator.resource import Key
from simulation_operator.roster import Roster
from simulation_operator.status import Problem

SHOWN_FROM = 3  # one or two pass by themselves, within a second
INTERNAL_ERROR = Problem(Reason.INTERNAL_ERROR, Reason.INTERNAL_ERROR.meaning)


class Setbacks:
    """Counts in the roster: a Simulation that is gone takes its setbacks along."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def add(self, key: Key) -> None:
        if (entry := self._roster.get(key.uid)) is None:
            return
        entry.setbacks += 1
        if entry.setbacks >= SHOWN_FROM:
            self._roster.unshown.add(key.uid)

    def clear(self, key: Key) -> None:
        """It succeeded."""
        entry = self._roster.get(key.uid)
        if entry is not None and entry.setbacks:
            entry.setbacks = 0
            self._roster.unshown.add(key.uid)
