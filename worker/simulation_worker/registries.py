"""RQ's registries of our queues, kept clean the way our jobs need it; and what becomes of jobs that aren't ours."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from redis import Redis
from rq import worker_registration
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job as RqJob
from rq.job_lifecycle import record_job_failure
from rq.queue import Queue
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from simulation_core.queue.connection import clock_s
from simulation_core.queue.names import parse_job_id
from simulation_core.queue.taking import Job
from simulation_worker.jobs import DELIVER

log = logging.getLogger(__name__)


def clean(queues: Sequence[Queue]) -> None:
    for queue in queues:
        if queue.acquire_maintenance_lock():
            try:
                _forget_abandoned(queue)
                worker_registration.clean_worker_registry(queue)
            finally:
                queue.connection.delete(queue.registry_cleaning_key)


def is_served(redis: Redis, queue: str) -> bool:
    """Whether a worker that lives, as far as RQ knows, takes jobs from it."""
    return any(redis.exists(worker) for worker in redis.smembers(f"rq:workers:{queue}"))


def _forget_abandoned(queue: Queue) -> None:
    """Jobs whose worker died. RQ would fail them; deleted, nothing takes them for under way when the ledger offers the batch again."""
    started = StartedJobRegistry(queue=queue)
    now_s = clock_s(queue.connection)
    for job_id in started.get_expired_job_ids(now_s):
        log.info("job %s was abandoned; the ledger offers its batch again", job_id)
        queue.connection.delete(RqJob.key_for(job_id))
    queue.connection.zremrangebyscore(started.key, 0, now_s)
    FinishedJobRegistry(queue=queue).cleanup()
    FailedJobRegistry(queue=queue).cleanup()


def sort_out(redis: Redis, worker: str, jobs: Sequence[Job], function: str = DELIVER) -> list[Job]:
    """Of jobs that didn't look like ours, those that are: RQ's tools compress what they queue again. The others fail, each by itself."""
    return [job for job in jobs if _is_ours(redis, worker, job, function)]


def _is_ours(redis: Redis, worker: str, job: Job, function: str) -> bool:
    try:
        found = RqJob.fetch(job.id, connection=redis, serializer=JSONSerializer)
        if found.func_name == function:
            parse_job_id(job.id)
            return True
        fault = f"it names {found.func_name}, which simulation-worker doesn't do from this queue"
    except NoSuchJobError:
        return False
    except DeserializationError:
        fault = "its data are not JSON, which is all simulation-worker reads"
    except ValueError as error:
        fault = str(error)
    log.error("job %s in %s fails: %s", job.id, job.queue, fault)
    with redis.pipeline() as pipeline:
        record_job_failure(found, fault, pipeline)
        pipeline.zrem(f"rq:wip:{job.queue}", f"{job.id}:{worker}")
        pipeline.srem(f"rq:worker:{worker}:executions", f"{job.id}:{worker}")
        pipeline.execute()
    return False
