"""Whose turn it is: of a portal that is behind, the runs that were served, in the order in which they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from simulation_core.ledger.offers import Offers


class Turns:
    """Each replica knows its own: what it puts into a queue it takes from all runs in turn, whatever the others put there."""

    def __init__(self) -> None:
        self._served: dict[str, dict[UUID, None]] = defaultdict(dict)  # by portal; a dict keeps the order

    def served(self, portal: str) -> Sequence[UUID]:
        """Whose turn lies furthest back comes first."""
        return list(self._served[portal])

    def note(self, portal: str, offers: Offers, added: int) -> None:
        """The queue took `added` of what was offered. It takes from the front: those behind keep their turn."""
        runs = self._served[portal]
        for index in dict.fromkeys(offers.run[:added].tolist()):
            run = offers.runs[index].simulation_id
            runs.pop(run, None)
            runs[run] = None

    def forget(self, portal: str) -> None:
        """All that was overdue had its turn."""
        self._served.pop(portal, None)
