"""Names in Redis that scheduler, worker and operator agree on: queues by kind and portal, jobs by batch and attempt."""

from __future__ import annotations

import re
from functools import lru_cache
from uuid import UUID

from simulation_core.kinds import Kind
from simulation_core.ledger.values import ClaimRequest

OUR_QUEUES = "simulation-"

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_JOB_ID = re.compile(rf"(?:[a-z]+-)??(?P<simulation>{_UUID})-(?P<batch>\d+)-(?P<attempt>\d+)")


def queue_name(kind: Kind, portal: str) -> str:
    """`simulation-<kind>-<portal>`; RQ keeps its list under `rq:queue:` and this name."""
    return f"{OUR_QUEUES}{kind}-{portal}"


def job_id(simulation_id: UUID, batch: int, attempt: int, kind: Kind = Kind.DELIVER) -> str:
    """`<uuid>-<batch>-<attempt>`, for other kinds than DELIVER with the kind in front.

    One id per attempt: a job left over from an earlier attempt can't stand for, nor take away, the one offered now.
    """
    return f"{job_id_prefix(kind)}{simulation_id}-{batch}-{attempt}"


def job_id_prefix(kind: Kind) -> str:
    return "" if kind is Kind.DELIVER else f"{kind}-"


def parse_job_id(job: str) -> ClaimRequest:
    """What a job asks for. Raises ValueError for an id that isn't one of ours."""
    match = _JOB_ID.fullmatch(job)
    if match is None:
        raise ValueError(f"job id {job!r} is malformed: <simulation>-<batch>-<attempt> was expected")
    return ClaimRequest(simulation_id=_uuid(match["simulation"]), batch=int(match["batch"]), attempt=int(match["attempt"]))


@lru_cache(maxsize=4_096)
def _uuid(simulation: str) -> UUID:
    """A worker reads thousands of ids a second, of a few runs."""
    return UUID(simulation)
