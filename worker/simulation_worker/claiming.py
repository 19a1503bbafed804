"""Claiming what was taken: one statement for all jobs, whatever their portals and runs."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from simulation_core.ledger import claims
from simulation_core.ledger.values import Claimed, Early
from simulation_core.queue.names import parse_job_id
from simulation_core.queue.taking import Job
from simulation_worker.load import Claim

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Claiming:
    """What became of the jobs."""

    claims: Mapping[str, Sequence[Claim]]  # by queue, in the order taken
    early: Mapping[Job, int]  # milliseconds until they may be claimed
    refused: Sequence[Job]
    asked_s: float  # the monotonic clock before the claim was sent
    ahead_ms: float  # Postgres's clock less the monotonic one, give or take half of the round trip; 0 where nothing was claimed


def ahead_of_ours_ms(claimed_ms: int, asked_s: float, answered_s: float) -> float:
    """Postgres's clock less ours: it read its own, `claimed_ms`, somewhere between the two moments of ours."""
    return claimed_ms - (asked_s + answered_s) / 2 * 1000


def claim(engine: Engine, jobs: Sequence[Job], *, lease_ms: int, clock: Callable[[], float] = time.monotonic) -> Claiming:
    """Raises LedgerUnavailableError; what was claimed without our knowing comes back when its lease is over."""
    asked_s = clock()
    results = claims.claim(engine, [parse_job_id(job.id) for job in jobs], lease_ms=lease_ms)
    answered_s = clock()
    by_queue: dict[str, list[Claim]] = defaultdict(list)
    early: dict[Job, int] = {}
    refused: list[Job] = []
    claimed_ms: int | None = None
    for job, result in zip(jobs, results, strict=True):
        if isinstance(result, Claimed):
            by_queue[job.queue].append(Claim(claimed=result, job=job))
            claimed_ms = result.claimed_ms
        elif isinstance(result, Early):
            early[job] = max(1, result.remaining_ms)
        else:
            log.debug("job %s: %s", job.id, result.why)
            refused.append(job)
    ahead_ms = 0.0 if claimed_ms is None else ahead_of_ours_ms(claimed_ms, asked_s, answered_s)
    return Claiming(claims=by_queue, early=early, refused=refused, asked_s=asked_s, ahead_ms=ahead_ms)
