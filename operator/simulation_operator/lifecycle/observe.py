"""Everything a decision about one Simulation may look at, gathered at one moment and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.clock import now_ms
from simulation_core.errors import LedgerUnavailableError, SpecError
from simulation_core.ledger import demands, plans, runs
from simulation_core.ledger.values import Run
from simulation_core.plan.feasibility import Demand
from simulation_core.portals import Portals, PortalsFile
from simulation_core.spec import Spec, parse_spec
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Roster
from simulation_operator.threads import Threads


@dataclass(frozen=True, kw_only=True)
class Observation:
    key: Key
    simulation: Simulation | None  # None: not in the last list or watch
    spec: Spec | SpecError | None  # its spec as values, or what is wrong with it
    absences: int  # complete lists in a row that lacked it
    portals: Portals
    now_ms: int  # by this machine's clock, which may differ a little from Postgres's
    resting: bool = False  # it ended and nothing is left to do; its spec isn't at hand
    run: Run | None = None  # its row in the ledger
    planned: bool = False  # every batch is stored and published
    demand: Demand | None = None  # what the plan asks of its portal, once it is planned and until the run ends
    ledger_problem: str | None = None  # set: the ledger could not be read, `run` and `planned` say nothing


@dataclass(frozen=True, kw_only=True)
class Observer:
    """Reads the roster, the portals file and the ledger. Never writes."""

    roster: Roster
    portals: PortalsFile
    engine: Engine
    threads: Threads

    async def observe(self, key: Key) -> Observation:
        entry = self.roster.get(key.uid)
        simulation = entry.simulation if entry else None
        run, planned, demand, problem = await self._ask_ledger(key.uid)
        return Observation(
            key=key,
            simulation=simulation,
            spec=_parse(simulation) if simulation else None,
            absences=self.roster.absences(key.uid),
            portals=self.portals.current,
            now_ms=now_ms(),
            resting=entry is not None and entry.resting,
            run=run,
            planned=planned,
            demand=demand,
            ledger_problem=problem,
        )

    async def _ask_ledger(self, uid: UUID) -> tuple[Run | None, bool, Demand | None, str | None]:
        try:
            run = await self.threads.ledger(runs.get, self.engine, uid)
            planned = run is not None and await self.threads.ledger(plans.is_published, self.engine, uid)
            lives = run is not None and planned and not run.status.terminal
            demand = await self.threads.ledger(demands.of, self.engine, uid) if lives else None
        except LedgerUnavailableError as error:
            return None, False, None, str(error)
        return run, planned, demand, None


def _parse(simulation: Simulation) -> Spec | SpecError:
    try:
        return parse_spec(simulation.spec)
    except SpecError as error:
        return error
