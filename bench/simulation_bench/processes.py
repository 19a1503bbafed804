"""The product's processes, as an installation runs them, while something is measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import httpx
from rq.worker_registration import REDIS_WORKER_KEYS

from simulation_bench import portals
from simulation_core.queue.connection import connect
from simulation_sandbox.ports import free_port

SCHEDULER = (sys.executable, "-m", "simulation_operator.scheduler.main")
WORKER = (sys.executable, "-m", "simulation_worker.main")
START_SECONDS = 30
STOP_SECONDS = 60
LOOK_SECONDS = 0.1

Process = subprocess.Popen[str]


def environment(
    folder: Path,
    *,
    database: str,
    redis: str,
    hubspot: str | None = None,
    calls_per_ten_seconds: int = portals.CALLS_PER_TEN_SECONDS,
    names: Sequence[str] = (portals.PORTAL,),
) -> Mapping[str, str]:
    """What each of them is told. `hubspot`: the emulator's URL, for workers that deliver. `names`: the portals, each with this limit."""
    file = portals.write(folder, url=hubspot, calls_per_ten_seconds=calls_per_ten_seconds, names=names)
    return {
        **os.environ,
        "SIMULATION_DATABASE_URL": database,
        "SIMULATION_REDIS_URL": redis,
        "SIMULATION_PORTALS_FILE": str(file),
        "SIMULATION_PORTAL_TOKENS_DIR": str(portals.write_tokens(folder, names=names)),
        "SIMULATION_BIND_ADDRESS": "127.0.0.1:0",
        "SIMULATION_LOG_LEVEL": "WARNING",
    }


@contextmanager
def running(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, stdout: int | IO[str] | None = None
) -> Iterator[Process]:
    """Ended with SIGTERM, as a pod is. Raises if it failed meanwhile: what was measured would be something else.

    (SIGKILL is ours, where a measurement wants it.)
    """
    process = subprocess.Popen(command, env=environment, stdout=stdout, text=True)
    try:
        yield process
        if (code := process.poll()) not in (None, 0, -signal.SIGKILL):
            raise ChildProcessError(f"{_name(command)} failed with exit code {code}")
    finally:
        if process.poll() is None:
            process.terminate()
            _wait_or_kill(process)


@contextmanager
def serving(what: str, greet: Callable[[str], None]) -> Iterator[str]:
    """A server of the sandbox's, `simulation-sandbox {what}`, from when it could be greeted. Its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running((sys.executable, "-m", "simulation_sandbox.main", what, "--port", str(port)), stdout=subprocess.DEVNULL):
        until_s = time.monotonic() + START_SECONDS
        while True:
            try:
                greet(url)
                break
            except httpx.TransportError:
                if time.monotonic() > until_s:
                    raise
                time.sleep(LOOK_SECONDS)
        yield url


def wait_for_workers(redis: str, count: int) -> None:
    """Until so many are known to RQ: from then on they take jobs."""
    until_s = time.monotonic() + START_SECONDS
    with closing(connect(redis)) as connection:
        while (known := int(connection.scard(REDIS_WORKER_KEYS))) < count:
            if time.monotonic() > until_s:
                raise TimeoutError(f"only {known} of {count} workers started within {START_SECONDS} s")
            time.sleep(LOOK_SECONDS)


def _name(command: Sequence[str]) -> str:
    """Without its arguments, which hold passwords."""
    return " ".join(command[:3] if command[1] == "-m" else command[:2])


def _wait_or_kill(process: Process) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
