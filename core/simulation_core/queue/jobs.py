"""Our jobs as RQ sees them: data in JSON, never pickle, and how a job that came too early goes back."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer, Serializer

from simulation_core.queue.connection import outages_translated
from simulation_core.queue.names import Kind
from simulation_core.queue.scripts import GIVE_BACK

SCHEDULED = "rq:scheduler:scheduled_jobs"  # rq-scheduler's zset: job id by due time
WAKE = "simulation:scheduler:wake"  # pubsub: an earlier job came
FAILURE_SECONDS = 3600  # how long RQ keeps a job that failed; RQ's own default is a year


class DataJob(Job):
    """A job whose data is JSON, also where RQ and rq-scheduler make one without naming a serializer."""

    def __init__(self, id: str | None = None, connection: Redis | None = None, serializer: Serializer | str | None = None) -> None:  # noqa: A002 - RQ's name
        super().__init__(id, connection, serializer or JSONSerializer)


def job_data(kind: Kind, simulation_id: UUID, batch: int, attempt: int) -> str:
    """What RQ stores of a call: function, instance, arguments, keywords."""
    return f'["{kind.function}",null,["{simulation_id}",{batch},{attempt}],{{}}]'


def give_back(redis: Redis, job: Job, remaining_ms: int) -> bool:
    """Schedules `job` again, under the same id, `remaining_ms` from now, and ends its started state in the same moment.

    Works before and after RQ finished (and so deleted) it. False: it has been offered again meanwhile, and that one stays.
    Raises QueueUnavailableError; then the ledger offers the batch again, a little later.
    """
    call: list[Any] = [job.func_name, None, list(job.args), dict(job.kwargs)]
    data = json.dumps(call, separators=(",", ":"))
    with outages_translated():
        arguments: list[str | int] = [WAKE, job.id, max(0, remaining_ms), job.origin, data, FAILURE_SECONDS]
        return bool(redis.register_script(GIVE_BACK)(keys=[SCHEDULED], args=arguments))
