"""Runs in a ledger, as acceptance makes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.clock import from_ms, now_ms
from simulation_core.ledger import accept
from simulation_core.plan import PLAN_VERSION
from simulation_core.spec import Spec, parse_spec

RECORDS_A_SECOND = 1000
DAY_SECONDS = 86_400
USER = UUID("00000000-0000-4000-8000-000000000000")


def window_ms(records: int) -> int:
    """So that plans of every size are equally dense."""
    return records * 1000 // RECORDS_A_SECOND


def spec_of(records: int, tolerance_ms: int) -> Spec:
    return parse_spec(_manifest(records, tolerance_ms))


def accepted(engine: Engine, id: UUID, records: int, tolerance_ms: int) -> None:  # noqa: A002 - the column's name
    """A run whose start is an hour ago, so that all of it is due once it is published, in a window that isn't over."""
    start = (from_ms(now_ms()) - timedelta(hours=1)).isoformat(timespec="milliseconds")
    manifest = {**_manifest(records, tolerance_ms), "startTime": start, "durationSeconds": DAY_SECONDS}
    accept.accept(
        engine,
        id=id,
        namespace="bench",
        name="growth",
        spec=manifest,
        parsed=parse_spec(manifest),
        seed=42,
        default_user_id=USER,
        lead_ms=0,
        plan_version=PLAN_VERSION,
    )


def _manifest(records: int, tolerance_ms: int) -> dict[str, Any]:
    return {
        "scenario": "B2C",
        "totalRecords": records,
        "durationSeconds": window_ms(records) // 1000,
        "distribution": {"method": "BellCurve"},
        "toleranceMilliseconds": tolerance_ms,
    }
