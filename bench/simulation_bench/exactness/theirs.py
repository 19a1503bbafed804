"""BullMQ under the same faults: as many jobs over the same window, four workers at concurrency 50."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from simulation_bench import peer, valkey
from simulation_bench.exactness import faults
from simulation_bench.exactness.ours import LEAD_MS, RECORDS, WINDOW_MS, WORKERS
from simulation_bench.exactness.verdict import Verdict, of_runs
from simulation_bench.processes import Process, running

CONCURRENCY = 50
LATEST_SECONDS = 75  # after the window: a killed worker's jobs are found stalled after 30 s, and looked for every 30 s
LOOK_SECONDS = 0.5
DELAYED = "bull:peer:delayed"


def round_of(beside: peer.Peer, url: str) -> Verdict:
    valkey.empty(url)
    with tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder, ExitStack() as processes:
        files = [Path(folder) / f"worker-{number}" for number in range(WORKERS)]
        commands = [beside.command("exactness_worker", url=url, concurrency=CONCURRENCY, file=file) for file in files]
        workers = [processes.enter_context(running(command)) for command in commands]
        added = beside.measured("exactness", url=url, records=RECORDS, window_ms=WINDOW_MS, lead_ms=LEAD_MS)
        said = _break(url, added["start_ms"], workers[0], files)
        faults.wait_for(added["start_ms"] + WINDOW_MS)
        until_s = time.monotonic() + LATEST_SECONDS
        while len(set(_ran(files))) < RECORDS and time.monotonic() < until_s:
            time.sleep(LOOK_SECONDS)
        return of_runs(RECORDS, _ran(files), said)


def _break(url: str, start_ms: int, worker: Process, files: Sequence[Path]) -> str:
    faults.wait_for(start_ms + WINDOW_MS / 3)
    if not _ran(files):
        raise ValueError("BullMQ ran no job before the first fault")
    first = faults.flush(url, DELAYED)
    faults.wait_for(start_ms + WINDOW_MS / 2)
    faults.kill(worker)
    return f"{first} delayed jobs were flushed, and none was left for a second FLUSHALL; a worker was killed"


def _ran(files: Sequence[Path]) -> Sequence[str]:
    """Ids, as often as they ran. A worker writes its line before its job is done, so that a kill hides none."""
    return [line for file in files if file.exists() for line in file.read_text(encoding="ascii").split()]
