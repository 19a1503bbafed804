"""Asks the cluster for all that is known of portals. What may not be read is left out; a note says which right is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from simulation_cli import portals
from simulation_cli.cluster import Cluster, installation, simulations
from simulation_cli.exits import CommandError, ForbiddenError
from simulation_cli.portals import Known
from simulation_cli.resource import ClusterSimulation

T = TypeVar("T")


def survey(cluster: Cluster, operator_namespace: str | None) -> tuple[list[Known], list[str]]:
    """The portals, and notes on what could not be seen."""
    notes: list[str] = []
    found = _simulations(cluster, notes)
    files = _unless_refused(lambda: installation.portals_files(cluster, operator_namespace), notes)
    calls = _unless_refused(lambda: _calls_today(cluster, operator_namespace, notes), notes)
    return portals.known(files or [], found, calls or {}), notes


def _simulations(cluster: Cluster, notes: list[str]) -> list[ClusterSimulation]:
    try:
        return simulations.find(cluster, everywhere=True)
    except ForbiddenError as error:
        notes.append(f"only Simulations of namespace {cluster.namespace} are counted: {error}")
    try:
        return simulations.find(cluster)
    except ForbiddenError as error:
        notes[-1] = f"no Simulations are counted: {error}"
        return []


def _calls_today(cluster: Cluster, operator_namespace: str | None, notes: list[str]) -> dict[str, int]:
    """From any one worker: each tells the calls of all."""
    ready = [pod for pod in installation.pods(cluster, operator_namespace, "worker") if pod.ready]
    if not ready:
        notes.append("what is left today is not known: no worker is running that could be asked")
        return {}
    return portals.calls_today_of(installation.metrics(cluster, ready[0]))


def _unless_refused(ask: Callable[[], T], notes: list[str]) -> T | None:
    try:
        return ask()
    except CommandError as error:
        notes.append(str(error))
        return None
