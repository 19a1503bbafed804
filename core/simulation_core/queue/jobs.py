"""Our jobs as RQ sees them: data in JSON, never pickle."""

from __future__ import annotations

from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer, Serializer

SCHEDULED = "rq:scheduler:scheduled_jobs"  # rq-scheduler's zset: job id by due time
WAKE = "simulation:scheduler:wake"  # pubsub: an earlier job came
FAILURE_SECONDS = 3600  # how long RQ keeps a job that failed; RQ's own default is a year


class DataJob(Job):
    """A job whose data is JSON, also where RQ and rq-scheduler make one without naming a serializer."""

    def __init__(self, id: str | None = None, connection: Redis | None = None, serializer: Serializer | str | None = None) -> None:  # noqa: A002 - RQ's name
        super().__init__(id, connection, serializer or JSONSerializer)


def job_data(function: str) -> str:
    """What RQ stores of a call: function, instance, arguments, keywords. The scripts put in the arguments when the job is queued."""
    return f'["{function}",null,[],{{}}]'
