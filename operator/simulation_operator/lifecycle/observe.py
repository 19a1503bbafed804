"""Everything a decision about one Simulation may look at, gathered at one moment and frozen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlalchemy import Engine

from simulation_core.clock import now_ms
from simulation_core.errors import LedgerUnavailableError, SpecError
from simulation_core.kinds import Kind
from simulation_core.ledger import demands, errands, plans, runs
from simulation_core.ledger.values import Run, RunState
from simulation_core.plan.feasibility import Demand
from simulation_core.portals import Portals, PortalsFile
from simulation_core.spec import Spec, parse_spec
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Roster
from simulation_operator.settings import ContentSources
from simulation_operator.threads import Threads


@dataclass(frozen=True, kw_only=True)
class Observation:
    key: Key
    simulation: Simulation | None  # None: not in the last list or watch
    spec: Spec | SpecError | None  # its spec as values, or what is wrong with it
    absences: int  # complete lists in a row that lacked it
    portals: Portals
    now_ms: int  # by this machine's clock, which may differ a little from Postgres's
    sources: ContentSources = field(default_factory=ContentSources)
    resting: bool = False  # it ended and nothing is left to do; its spec isn't at hand
    run: Run | None = None  # its row in the ledger
    planned: bool = False  # every batch is stored and published
    demand: Demand | None = None  # what the plan asks of its portal, once it is planned and until the run ends
    verify_token: str | None = None  # the last wish to verify that was handed to the workers
    archived: bool | None = None  # whether what it created is archived; None: nobody was asked to do it
    ledger_problem: str | None = None  # set: the ledger could not be read, `run` and `planned` say nothing


@dataclass(frozen=True, kw_only=True)
class Observer:
    """Reads the roster, the portals file and the ledger. Never writes."""

    roster: Roster
    portals: PortalsFile
    engine: Engine
    threads: Threads
    sources: ContentSources

    async def observe(self, key: Key) -> Observation:
        entry = self.roster.get(key.uid)
        simulation = entry.simulation if entry else None
        seen = Observation(
            key=key,
            simulation=simulation,
            spec=_parse(simulation) if simulation else None,
            absences=self.roster.absences(key.uid),
            portals=self.portals.current,
            now_ms=now_ms(),
            sources=self.sources,
            resting=entry is not None and entry.resting,
        )
        try:
            return await self._ask_ledger(seen)
        except LedgerUnavailableError as error:
            return replace(seen, ledger_problem=str(error))

    async def _ask_ledger(self, seen: Observation) -> Observation:
        run = await self.threads.ledger(runs.get, self.engine, seen.key.uid)
        if run is None:
            return seen
        planned = await self.threads.ledger(plans.is_published, self.engine, run.id)
        lives = planned and not run.status.terminal
        return replace(
            seen,
            run=run,
            planned=planned,
            demand=await self.threads.ledger(demands.of, self.engine, run.id) if lives else None,
            verify_token=await self._last_token(seen) if run.status.terminal else None,
            archived=await self._is_archived(run) if run.run_state is RunState.DELETED else None,
        )

    async def _last_token(self, seen: Observation) -> str | None:
        if seen.simulation is None or not seen.simulation.verify_token:
            return None
        state = await self.threads.ledger(errands.state, self.engine, seen.key.uid, Kind.VERIFY)
        return None if state is None else state.token

    async def _is_archived(self, run: Run) -> bool | None:
        state = await self.threads.ledger(errands.state, self.engine, run.id, Kind.ARCHIVE)
        return None if state is None else state.done


def _parse(simulation: Simulation) -> Spec | SpecError:
    try:
        return parse_spec(simulation.spec)
    except SpecError as error:
        return error
