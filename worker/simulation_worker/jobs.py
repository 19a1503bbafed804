"""The functions RQ jobs name. A job is data: a name and ids, as JSON; what it needs is held by the worker that performs it.

`simulation-worker` never calls these: its worker knows each by name and hands the arguments to the Delivery it was built with (see
rq_worker). They exist so that RQ's own tools can import what a job names, and so that another worker says what is wrong.
"""

from __future__ import annotations

DELIVER = "simulation_worker.jobs.deliver"


def deliver(simulation_id: str, batch: int, attempt: int) -> None:
    """Deliver one batch of a simulation, as its `attempt`th claim."""
    raise RuntimeError(
        f"batch {batch} of simulation {simulation_id} (attempt {attempt}) needs the process simulation-worker: "
        "a stock RQ worker has neither the ledger nor a HubSpot token; the ledger will offer the batch again"
    )
