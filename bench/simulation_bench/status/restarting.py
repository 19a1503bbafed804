"""kill -9 of the operator, and how long until another knows all Simulations again and has done what was asked for meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import text

from simulation_bench.status.installed import Installed, wait_for
from simulation_core.ledger.engine import transaction

WITHIN_SECONDS = 180
CHANGED = 20  # Simulations, while nobody looks
LIMIT = 9

_STORED = "SELECT count(*) FROM simulations WHERE namespace = :namespace AND spec->'retries'->>'limit' = :limit"


def seconds(product: Installed, namespace: str, names: Sequence[str]) -> float:
    begun_s = time.monotonic()
    killed = product.kill_operator()
    changed = names[:: max(1, len(names) // CHANGED)][:CHANGED]
    for name in changed:
        product.api.change(namespace, name, {"retries": {"limit": LIMIT}})
    wait_for(lambda: product.operator_is_another_than(killed), "another operator", WITHIN_SECONDS)
    wait_for(lambda: _has_picked_up(product) and _stored(product, namespace) == len(changed), "all picked up", WITHIN_SECONDS)
    return time.monotonic() - begun_s


def _has_picked_up(product: Installed) -> bool:
    """It leads, it has taken in a complete list, and nothing waits for a reconcile."""
    metrics = product.metrics()
    return (
        metrics.get("simulation_operator_leader") == 1
        and metrics.get("simulation_operator_resyncs_total", 0) >= 1
        and metrics.get("simulation_operator_reconciles_total", 0) > 0
        and metrics.get("simulation_operator_queue_depth") == 0
    )


def _stored(product: Installed, namespace: str) -> int:
    with transaction(product.engine) as connection:
        return int(connection.scalar(text(_STORED), {"namespace": namespace, "limit": str(LIMIT)}) or 0)
