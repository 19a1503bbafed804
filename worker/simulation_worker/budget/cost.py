"""How many calls a load takes, known once it is claimed; what it takes beyond that is drawn call by call."""

from __future__ import annotations

from collections.abc import Sequence

from simulation_core.ledger.values import Claimed
from simulation_core.spec import Scenario
from simulation_worker.crm.writes import MAX_ASSOCIATIONS, MAX_INPUTS


def calls_of(load: Sequence[Claimed]) -> int:
    """With one contact a company: the contacts, and of B2B records the companies and what joins them."""
    records = sum(len(claimed.due_ms) for claimed in load)
    b2b = sum(len(claimed.due_ms) for claimed in load if claimed.run.scenario == Scenario.B2B)
    return -(-records // MAX_INPUTS) + -(-b2b // MAX_INPUTS) + -(-b2b // MAX_ASSOCIATIONS)
