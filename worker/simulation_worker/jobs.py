"""The functions RQ jobs name. A job is data: a name and ids, as JSON; what it needs is held by the worker that performs it.

`simulation-worker` never calls these: its worker knows each by name and hands the arguments to the Delivery, or to the handler of
errands, that it was built with (see rq_worker and errands). They exist so that RQ's own tools can import what a job names, and so
that another worker says what is wrong.
"""

from __future__ import annotations

DELIVER = "simulation_worker.jobs.deliver"


def deliver(simulation_id: str, batch: int, attempt: int) -> None:
    """Deliver one batch of a simulation, as its `attempt`th claim."""
    raise _needs_our_worker("batch", simulation_id, batch, attempt)


def prepare(simulation_id: str, number: int, attempt: int) -> None:
    """Make content ahead."""
    raise _needs_our_worker("preparation", simulation_id, number, attempt)


def verify(simulation_id: str, number: int, attempt: int) -> None:
    """Compare plan and CRM."""
    raise _needs_our_worker("verification", simulation_id, number, attempt)


def archive(simulation_id: str, number: int, attempt: int) -> None:
    """Archive what a run created."""
    raise _needs_our_worker("archiving", simulation_id, number, attempt)


def _needs_our_worker(what: str, simulation_id: str, number: int, attempt: int) -> RuntimeError:
    return RuntimeError(
        f"{what} {number} of simulation {simulation_id} (attempt {attempt}) needs the process simulation-worker: "
        "a stock RQ worker has neither the ledger nor a HubSpot token; the ledger will offer it again"
    )
