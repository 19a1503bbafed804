"""What workers do: the kinds of jobs in their queues, and of the errands in the ledger."""

from __future__ import annotations

import enum

FUNCTIONS = "simulation_worker.jobs"  # a job names its function by this module and its kind; nothing is imported from there


class Kind(enum.StrEnum):
    """What a job does. Each kind has a queue of its own a portal, so that none waits behind another."""

    DELIVER = "deliver"
    PREPARE = "prepare"
    VERIFY = "verify"
    ARCHIVE = "archive"

    @property
    def function(self) -> str:
        return f"{FUNCTIONS}.{self}"
