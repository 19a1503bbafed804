"""How a load's calls are paid: from what was reserved for it, then one by one. It is what a client asks before each call."""

from __future__ import annotations

from collections.abc import Mapping

from simulation_worker.budget.budget import Budget
from simulation_worker.budget.day import Day
from simulation_worker.budget.purse import Purse


class Spending:
    def __init__(self, budget: Budget, day: Day, purse: Purse | None = None) -> None:
        self._budget = budget
        self._day = day
        self._purse = purse or Purse()

    def wait(self, path: str) -> None:
        self._budget.wait(self._purse, search=path.endswith("/search"))
        self._day.count()

    def learn(self, headers: Mapping[str, str]) -> None:
        self._budget.learn(headers)

    def end(self) -> None:
        """What was reserved and not needed is for others."""
        self._budget.give_back(self._purse)
