"""How long after a patch nothing new of a run can be claimed any more, one Simulation at a time, while all the others run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from sqlalchemy import text

from simulation_bench.status.installed import Installed
from simulation_core.ledger.engine import transaction

EVERY_SECONDS = 1.0  # so that all moments of the operator's own rounds are met
LOOK_SECONDS = 0.02
WITHIN_SECONDS = 60.0

_STOPPED = """
    SELECT c.run_state = 'SUSPENDED' FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE s.namespace = :namespace AND s.name = :name
"""


def seconds(product: Installed, namespace: str, names: Sequence[str], stretch_seconds: int) -> list[float]:
    """Of as many as fit into the stretch: each is suspended and resumed."""
    count = min(len(names), int(stretch_seconds / EVERY_SECONDS))
    return list(_each(product, namespace, names[:: max(1, len(names) // max(1, count))][:count]))


def _each(product: Installed, namespace: str, names: Sequence[str]) -> Iterator[float]:
    for name in names:
        product.api.change(namespace, name, {"suspend": True})
        begun_s = time.monotonic()
        while not _stopped(product, namespace, name):
            if time.monotonic() > begun_s + WITHIN_SECONDS:
                raise TimeoutError(f"{name} is not suspended: not within {WITHIN_SECONDS:g} s")
            time.sleep(LOOK_SECONDS)
        yield time.monotonic() - begun_s
        product.api.change(namespace, name, {"suspend": False})
        time.sleep(max(0.0, begun_s + EVERY_SECONDS - time.monotonic()))


def _stopped(product: Installed, namespace: str, name: str) -> bool:
    with transaction(product.engine) as connection:
        return bool(connection.scalar(text(_STOPPED), {"namespace": namespace, "name": name}))
