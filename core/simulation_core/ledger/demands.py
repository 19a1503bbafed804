"""What a plan asks of its portal, kept beside the run: computing it again would mean planning again."""

from __future__ import annotations

import json
from uuid import UUID

from sqlalchemy import Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.plan.feasibility import Demand

_STORE = text("UPDATE simulations SET load = CAST(:load AS jsonb), updated_at = statement_timestamp() WHERE id = :id")


def store(engine: Engine, id: UUID, demand: Demand) -> None:  # noqa: A002 - the column's name
    """Replaces what was stored."""
    with transaction(engine) as connection:
        connection.execute(_STORE, {"id": id, "load": json.dumps(demand.as_json())})
