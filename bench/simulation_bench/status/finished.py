"""Simulations that ended long ago: in the API server as the operator left them, and in the ledger."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from simulation_bench.status.installed import Installed, wait_for
from simulation_core.ledger.engine import transaction

WITHIN_SECONDS = 120
MODEL = "old-model"
SPEC = {"scenario": "B2C", "totalRecords": 10, "durationSeconds": 1, "content": {"source": "Faker"}}

# The model's row under other names. Their batches are gone, as after the days that the ledger keeps them.
_ROWS = """
    INSERT INTO simulations SELECT (jsonb_populate_record(s, jsonb_build_object('id', made.id, 'name', made.name))).*
    FROM simulations s CROSS JOIN unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS made (id, name) WHERE s.id = :model
"""
_CONTROL = "INSERT INTO simulation_control (simulation_id, run_state) SELECT unnest(CAST(:ids AS uuid[])), 'RUNNING'"


def make(product: Installed, namespace: str, count: int) -> None:
    """One that really ran, and copies of it, made while no operator is there that would begin them."""
    if not count:
        return
    model = _model(product, namespace)
    names = [f"old-{number}" for number in range(count - 1)]
    with product.without_operator():
        made = dict(product.api.create_simulations(namespace, [(name, SPEC) for name in names]))
        with transaction(product.engine) as connection:
            given = {"ids": list(made.values()), "names": list(made), "model": UUID(model["metadata"]["uid"])}
            connection.execute(text(_ROWS), given)
            connection.execute(text(_CONTROL), {"ids": given["ids"]})
        product.api.write_statuses(namespace, dict.fromkeys(names, model["status"]))
    # Kopf brings each of them to the new operator when it begins to watch, after the operator's own list.
    watched = "simulation_operator_watch_events_total"
    wait_for(lambda: product.metrics().get(watched, 0) >= count, "the operator to watch them", WITHIN_SECONDS)


def _model(product: Installed, namespace: str) -> Any:
    list(product.api.create_simulations(namespace, [(MODEL, SPEC)]))
    path = f"/apis/simulation-operator.dev/v1alpha1/namespaces/{namespace}/simulations/{MODEL}"
    wait_for(lambda: product.api.get(path).get("status", {}).get("phase") == "Completed", "a run's end", WITHIN_SECONDS)
    return product.api.get(path)
