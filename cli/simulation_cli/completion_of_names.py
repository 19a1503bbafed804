"""Names of Simulations for the shell, from the cluster that the words so far speak of."""

from __future__ import annotations

from typing import Any

from simulation_core.errors import SimulationError


def names_in_the_cluster(ctx: Any, incomplete: str) -> list[str]:
    """Nothing where the cluster can't be asked: a shell that waits for Tab has no use for an error."""
    from simulation_cli.cluster import Where, connected, simulations  # noqa: PLC0415 - takes a second to load

    asked = ctx.params
    given = asked.get("names") or ()
    try:
        with connected(Where(asked.get("namespace"), asked.get("context"), asked.get("kubeconfig"))) as cluster:
            found = [simulation.name for simulation in simulations.find(cluster)]
    except SimulationError:
        return []
    return [name for name in found if name.startswith(incomplete) and name not in given]
