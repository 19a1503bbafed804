"""The child process that is stock RQ: its worker without a fork, and jobs that do nothing."""

from __future__ import annotations

import logging
import time

from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from simulation_bench.child import answer, arguments
from simulation_core.queue.connection import connect

A_CALL = 1_000


def nothing(number: int) -> None:
    """The job."""


def main() -> None:
    given = arguments()
    logging.getLogger("rq").setLevel(logging.WARNING)  # RQ tells each job four times
    redis = connect(given["redis"])
    queue = Queue("bench", connection=redis, serializer=JSONSerializer)
    jobs = int(given["jobs"])
    for first in range(0, jobs, A_CALL):
        numbers = range(first, min(first + A_CALL, jobs))
        queue.enqueue_many([Queue.prepare_data("simulation_bench.drain.stock.nothing", args=(n,), result_ttl=0) for n in numbers])
    worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
    begun = time.monotonic()
    worker.work(burst=True, logging_level="WARNING")
    seconds = time.monotonic() - begun
    assert not len(queue), "stock RQ left some of its jobs"
    answer(seconds=seconds)


if __name__ == "__main__":
    main()
