"""What goes wrong in mid-flight. Each says what it hit, and raises where there was nothing to hit: zeros would prove nothing then."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import closing

from simulation_bench.processes import Process
from simulation_core.queue.connection import connect

PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.005


def wait_for(moment_ms: float) -> None:
    """By the wall clock."""
    time.sleep(max(0.0, moment_ms / 1000 - time.time()))


def flush(redis: str, scheduled: str) -> int:
    """FLUSHALL. How many jobs were scheduled in that zset, and are gone."""
    with closing(connect(redis)) as connection, connection.pipeline(transaction=True) as pipeline:
        pipeline.zcard(scheduled)
        pipeline.flushall()
        jobs = int(pipeline.execute()[0])
    if not jobs:
        raise ValueError(f"FLUSHALL emptied nothing: no job was in {scheduled}")
    return jobs


def kill(process: Process) -> None:
    if process.poll() is not None:
        raise ChildProcessError(f"there is nothing to kill: it had ended with exit code {process.returncode}")
    process.kill()
    process.wait()


def kill_holding(process: Process, held: Callable[[], int]) -> int:
    """Not before it holds some batches: it is stopped, looked at, and killed or let go on. How many it held."""
    until_s = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until_s:
        process.send_signal(signal.SIGSTOP)
        if batches := held():
            kill(process)
            return batches
        process.send_signal(signal.SIGCONT)
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"the worker to be killed held no batch for {PATIENCE_SECONDS:.0f} s")
