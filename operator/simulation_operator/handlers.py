"""What Kopf is told: one watch on Simulations, whose events only put keys into a queue. The rest is in lifecycle/.

Kopf brings events and keeps no state of ours: no finalizer, no annotation, no Events of its own. (Its on.create and on.update would cost
three patches a Simulation and copy the spec into an annotation; on.event costs none.)
"""

from __future__ import annotations

from typing import Any

import kopf

from simulation_operator.keys import KeyQueue
from simulation_operator.login import kopf_login
from simulation_operator.metrics import Metrics
from simulation_operator.resource import GROUP, PLURAL, VERSION, Key, Simulation
from simulation_operator.roster import Roster


def register(registry: kopf.OperatorRegistry, roster: Roster, queue: KeyQueue[Key], metrics: Metrics) -> None:
    """All of them."""

    @kopf.on.login(registry=registry)
    def login(**arguments: Any) -> kopf.ConnectionInfo | None:
        return kopf_login(**arguments)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def simulation_seen(event: Any, **_: Any) -> None:
        metrics.watched.inc()
        simulation = Simulation.from_body(event["object"])
        if event["type"] == "DELETED":
            roster.lose(simulation.key.uid)
            queue.add(simulation.key)
        elif roster.see(simulation):
            queue.add(simulation.key)


class _NothingIsCompared(kopf.DiffBaseStorage):
    """Kopf copies each object of each event to find what changed since the last one, also where no handler asks for that."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        raise NotImplementedError("only handlers of changes store anything, and there are none")


def kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NothingIsCompared()
    settings.peering.standalone = True  # leadership is a lock in Postgres
    settings.scanning.disabled = True  # least RBAC: no listing of CRDs and namespaces; main.py checks that the CRD is there
    settings.posting.enabled = False  # Events are ours, written once the status says the same
    # A watch can stall without a word. The API server ends one after five minutes at the latest; within that it sends a bookmark a
    # minute, so 90 seconds of silence mean a dead connection, not a quiet one. What falls into such a gap is found by the resync.
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 90
    settings.networking.request_timeout = 30
    # Of ten thousand Simulations Kopf's first list must not come as one answer of a hundred megabytes, nor its task for each of them, which
    # ends after this much idleness, hold on to what it has handed to us already.
    settings.watching.chunk_size = 500
    settings.queueing.idle_timeout = 0.5
    return settings
