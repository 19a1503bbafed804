"""What the ledger knows of one Simulation, for whoever decides about it: one statement, so all of it is of one moment."""

# ruff: noqa: S608 - only constants are put into statements; values are always bound

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.kinds import Kind
from simulation_core.ledger.rows import to_run
from simulation_core.ledger.sql import DONE
from simulation_core.ledger.trips import in_trips, prepared
from simulation_core.ledger.values import Run
from simulation_core.plan.feasibility import Demand


@dataclass(frozen=True, kw_only=True)
class Known:
    run: Run
    planned: bool  # every batch is stored and published
    demand: Demand | None  # what the plan asks of its portal; None: not planned, or published by a release that didn't count it
    verify_token: str | None  # the last wish to verify that was handed to the workers
    archived: bool | None  # whether what it created is archived; None: nobody was asked to do it


_KNOWN = prepared(f"""
SELECT s.*, c.run_state, v.token AS verify_token, a.state = {DONE} AS archived
FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
LEFT JOIN errands v ON v.simulation_id = s.id AND v.kind = '{Kind.VERIFY}' AND v.number = 0
LEFT JOIN errands a ON a.simulation_id = s.id AND a.kind = '{Kind.ARCHIVE}' AND a.number = 0
WHERE s.id = :id
""")


def of(engine: Engine, id: UUID) -> Known | None:  # noqa: A002 - the column's name
    """None: it was never accepted."""
    (answer,) = in_trips(engine, [(_KNOWN, {"id": id})])
    if not answer.rows:
        return None
    row = dict(zip(answer.columns, answer.rows[0], strict=True))
    return Known(
        run=to_run(row),
        planned=row["batches_total"] is not None,
        demand=Demand.from_json(row["load"]),
        verify_token=row["verify_token"],
        archived=row["archived"],
    )
