"""What the shell is offered for a word: from the cluster and the kubeconfig that the words so far speak of.

Nothing where they can't be asked: a shell that waits for Tab has no use for an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from simulation_core.errors import SimulationError

if TYPE_CHECKING:
    from simulation_cli.cluster import Where


def simulations(ctx: Any, incomplete: str) -> list[str]:
    from simulation_cli.cluster import connected  # noqa: PLC0415 - takes a second to load
    from simulation_cli.cluster.simulations import find  # noqa: PLC0415

    given = ctx.params.get("names") or ()
    try:
        with connected(_where(ctx)) as cluster:
            return _beginning(incomplete, (simulation.name for simulation in find(cluster) if simulation.name not in given))
    except SimulationError:
        return []


def namespaces(ctx: Any, incomplete: str) -> list[str]:
    from simulation_cli.cluster import connected, namespaces  # noqa: PLC0415

    try:
        with connected(_where(ctx)) as cluster:
            return _beginning(incomplete, namespaces.names(cluster))
    except SimulationError:
        return []


def contexts(ctx: Any, incomplete: str) -> list[str]:
    from simulation_cli.cluster import kubeconfig  # noqa: PLC0415

    try:
        return _beginning(incomplete, kubeconfig.contexts(_where(ctx)))
    except SimulationError:
        return []


def goals(incomplete: str) -> list[str]:
    from simulation_cli.goals import NAMES  # noqa: PLC0415

    return _beginning(incomplete, NAMES)


def _where(ctx: Any) -> Where:
    from simulation_cli.cluster import Where  # noqa: PLC0415

    return Where(ctx.params.get("namespace"), ctx.params.get("context"), ctx.params.get("kubeconfig"))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
