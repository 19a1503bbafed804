"""One row of `simulations`, with its control row, as a Run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from simulation_core.clock import to_ms
from simulation_core.ledger.trips import Answer
from simulation_core.ledger.values import Run, RunState, Status

SELECT_RUNS = "SELECT s.*, c.run_state FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id"


def runs_by_id(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Run]:
    """Those that exist, as this statement's snapshot sees them."""
    rows = connection.execute(text(f"{SELECT_RUNS} WHERE s.id = ANY(CAST(:ids AS uuid[]))"), {"ids": list(ids)})
    return {run.id: run for run in map(to_run, rows.mappings())}


def to_runs(answer: Answer) -> list[Run]:
    """Of SELECT_RUNS."""
    return [to_run(dict(zip(answer.columns, row, strict=True))) for row in answer.rows]


def to_run(row: RowMapping | Mapping[str, Any]) -> Run:
    return Run(
        id=row["id"],
        namespace=row["namespace"],
        name=row["name"],
        user_id=row["user_id"],
        status=Status(row["status"]),
        run_state=RunState(row["run_state"]),
        spec=row["spec"],
        scenario=row["scenario"],
        portal=row["portal"],
        seed=row["seed"],
        plan_version=row["plan_version"],
        total_records=row["total_records"],
        records_processed=row["records_processed"],
        records_failed=row["records_failed"],
        records_skipped=row["records_skipped"],
        accepted_ms=to_ms(row["accepted_at"]),
        start_ms=_optional_ms(row["start_time"]),
        end_ms=_optional_ms(row["end_time"]),
        shift_ms=row["shift_milliseconds"],
        reason=row["reason"],
        message=row["message"],
        finished_ms=_optional_ms(row["finished_at"]),
        deleted_ms=_optional_ms(row["deleted_at"]),
        purged=row["purging_at"] is not None or row["purged_at"] is not None,
        retry_token=row["retry_token"],
        retried_records=row["retried_records"],
    )


def _optional_ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
