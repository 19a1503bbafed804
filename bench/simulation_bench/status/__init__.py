"""Section status: what a thousand Simulations cost the API server and the operator, and how old what they show becomes.

The whole product as the chart installs it in a sandbox: real scheduler, worker and emulator, so that what is shown is what happens. All
Simulations are created at once and run at once; the operator gets a kill -9 in the middle. There is no peer: nothing else keeps a status
for each of so many runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from simulation_bench.figures import Figure, figure
from simulation_bench.status import finished, restarting, steering
from simulation_bench.status.ages import Ages
from simulation_bench.status.apiserver import ApiServer
from simulation_bench.status.installed import installed
from simulation_bench.status.looking import Looking

Say = Callable[[str], None]

NAMESPACE = "bench"
SETTLED_SECONDS = 40  # before the kill: for a stretch in which nothing but records is news
LATEST_SECONDS = 180  # after the last run's window: for what a busy machine makes late


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How many, and how long. The window must hold the creation of all, and a restart."""

    simulations: int = 1_000
    records: int = 30  # of each; a status changes with every one
    window_seconds: int = 300
    finished: int = 10_000  # Simulations that have ended long ago and are there all the same

    @property
    def names(self) -> list[str]:
        return [f"run-{number}" for number in range(self.simulations)]


def figures(say: Say) -> Mapping[str, Figure]:
    return of(Scale(), say)


def of(scale: Scale, say: Say) -> Mapping[str, Figure]:
    """One round: it is an installation's life from its first Simulation to the last one's end."""
    with installed(say) as product:
        api = product.api
        api.create_namespace(NAMESPACE)
        say(f"{scale.finished:,} Simulations that have ended")
        finished.make(product, NAMESPACE, scale.finished)
        ages = Ages()
        with Looking(product, NAMESPACE, ages) as looking:
            say(f"{scale.simulations:,} Simulations created at once")
            _create(api, scale, ages)
            looking.wait_until_all_run()
            say(f"all of them run; the oldest status so far was {looking.oldest_s:.0f} s old; kill -9 of the operator in a while")
            suspend_s = steering.seconds(product, NAMESPACE, scale.names, SETTLED_SECONDS)
            say(f"{len(suspend_s)} were suspended one after the other; no claim of a run after {max(suspend_s):.2f} s at most")
            with looking.restart():
                restart_s = restarting.seconds(product, NAMESPACE, scale.names)
            say(f"another one has picked all up after {restart_s:.1f} s")
            looking.wait_until_all_ended(scale.window_seconds + LATEST_SECONDS)
        return _figures(scale, looking, ages, restart_s, suspend_s)


def _create(api: ApiServer, scale: Scale, ages: Ages) -> None:
    spec = {"scenario": "B2C", "totalRecords": scale.records, "durationSeconds": scale.window_seconds, "content": {"source": "Faker"}}
    for _, uid in api.create_simulations(NAMESPACE, [(name, spec) for name in scale.names]):
        ages.created(uid, time.monotonic())


def _figures(scale: Scale, looking: Looking, ages: Ages, restart_s: float, suspend_s: Sequence[float]) -> Mapping[str, Figure]:
    told = f"{scale.simulations:,} Simulations of {scale.records} records within {scale.window_seconds} s"
    beside = f"beside {scale.finished:,} that have ended"
    real = "real scheduler, worker and emulator"
    return {
        "writes_per_s": figure(
            [looking.writes_per_s()],
            "writes/s",
            note=f"all of the operator's, by the API server's metrics, in the busiest 5 s; {told}, {beside}; {real}",
        ),
        "max_status_age_s": figure(
            [looking.oldest_s],
            "s",
            note="longest that a status lacked what the ledger knew, from creation to end; after the restart "
            f"{looking.oldest_after_restart_s:.0f} s, the time without an operator included",
        ),
        "operator_mb": figure(
            [looking.operator_mb], "MB", note="peak resident memory of the operator's process, before and after the restart"
        ),
        "restart_s": figure(
            [restart_s], "s", note="from the kill -9 until every Simulation was reconciled, and changes made meanwhile stored"
        ),
        "suspend_s": figure(
            [max(suspend_s)],
            "s",
            note=f"from the answer to the patch until nothing of the run can be claimed; the longest of {len(suspend_s)}, one a second; "
            f"the median is {median(suspend_s):.2f} s",
        ),
        "completed": figure(
            [float(ages.completed(scale.records))], "runs", note=f"of {scale.simulations:,}, each with every record delivered"
        ),
    }
