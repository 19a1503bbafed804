"""Both sides under faults, without a limit of calls: how many of the records aren't whole in the end, and what is there twice."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from simulation_bench import peer, portals, valkey
from simulation_bench.emulator import Emulator, emulator
from simulation_bench.hubspot import faults
from simulation_bench.hubspot.crm import Judged, judge, look
from simulation_bench.hubspot.theirs import ATTEMPTS, CONCURRENCY
from simulation_bench.postgres import Databases
from simulation_bench.processes import SCHEDULER, WORKER, environment, running, wait_for_workers
from simulation_bench.runs import Shape, coming, counted_by
from simulation_core.content.keys import Identity
from simulation_core.ledger.engine import create_ledger_engine

PORTALS = tuple(f"portal-{number}" for number in range(6))  # one that asks for a pause holds up no other: more calls meet a fault
TOLERANCES_MS = (0, 1_000)  # a run of each portal: of single records, and of batches
RUNS = len(PORTALS) * len(TOLERANCES_MS)
LEAD_MS = 8_000
LATEST_SECONDS = 120  # after the window: a portal that fails is left alone for longer each time, and a record is tried again
LINGER_SECONDS = 5  # what comes twice may come late
PEER_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """One round. `hits`: calls that met each kind of fault; `calls`: all of them."""

    judged: Judged
    hits: Mapping[str, int]
    calls: int

    @property
    def said(self) -> str:
        met = f"{sum(self.hits.values()):,} of {self.calls:,} calls met a fault"
        return f"{self.judged.lost} lost, {self.judged.duplicates} duplicated; {met}"


@dataclass(frozen=True, kw_only=True)
class Load:
    """Of all runs together."""

    per_second: int
    seconds: int

    @property
    def records(self) -> int:
        return self.per_second * self.seconds


def ours(databases: Databases, url: str, load: Load, seed: int) -> Faulty:
    """What the ledger hasn't counted is lost, too, and what it counted beyond the plan doubled."""
    valkey.empty(url)
    with (
        databases.new("faulty") as database,
        tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder,
        emulator(names=PORTALS) as crm,
    ):
        faults.inject(crm, seed)
        told = {
            **environment(Path(folder), database=database, redis=url, hubspot=crm.url, names=PORTALS),
            "SIMULATION_LOG_LEVEL": "ERROR",  # of each fault it warns
        }
        engine = create_ledger_engine(database, application_name="bench", pool_size=1)
        with running(SCHEDULER, environment=told), running(WORKER, environment=told):
            wait_for_workers(url, 1)
            starts_ms: dict[UUID, int] = {}
            for shape in shapes(load):
                starts_ms |= coming(engine, shape, runs=1, lead_ms=LEAD_MS)
            time.sleep(max(0.0, max(starts_ms.values()) / 1000 + load.seconds - time.time()))
            until_s = time.monotonic() + LATEST_SECONDS
            counted = counted_by(engine, list(starts_ms), load.records, until_s=until_s)
            time.sleep(LINGER_SECONDS)
        engine.dispose()
        keys = [Identity(run, number).label for run in starts_ms for number in range(load.records // RUNS)]
        return _round(crm, keys, counted)


def theirs(beside: peer.Peer, url: str, load: Load, seed: int) -> Faulty:
    valkey.empty(url)
    with emulator() as crm:
        crm.add_key_property(unique=False)
        faults.inject(crm, seed)
        given = {"hubspot": crm.url, "token": portals.TOKEN, "concurrency": CONCURRENCY, "attempts": ATTEMPTS}
        beside.measured("hubspot", url=url, calls_a_second=0, records=load.records, seconds=PEER_SECONDS, **given)
        return _round(crm, [f"peer-{number}" for number in range(load.records)])


def shapes(load: Load) -> Sequence[Shape]:
    each = Shape(records=load.records // RUNS, tolerance_ms=0, records_a_second=load.per_second // RUNS, method="Linear", scenario="B2B")
    return [replace(each, portal=portal, tolerance_ms=tolerance_ms) for portal in PORTALS for tolerance_ms in TOLERANCES_MS]


def with_ledger(judged: Judged, planned: int, counted: int) -> Judged:
    return Judged(lost=max(judged.lost, planned - counted), duplicates=max(judged.duplicates, counted - planned))


def _round(crm: Emulator, keys: Sequence[str], counted: int | None = None) -> Faulty:
    judged = judge(keys, look(crm))
    if counted is not None:
        judged = with_ledger(judged, len(keys), counted)
    return Faulty(judged=judged, hits=crm.hits(), calls=sum(crm.calls_by_status().values()))
