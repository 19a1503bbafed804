"""Everything a decision about one Simulation may look at, gathered at one moment and frozen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlalchemy import Engine

from simulation_core.clock import now_ms
from simulation_core.errors import LedgerUnavailableError, SpecError
from simulation_core.ledger import known
from simulation_core.ledger.values import Run
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
    demand: Demand | None = None  # what the plan asks of its portal, once it is planned
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
        about = await self.threads.ledger(known.of, self.engine, seen.key.uid)
        if about is None:
            return seen
        return replace(
            seen,
            run=about.run,
            planned=about.planned,
            demand=about.demand,
            verify_token=about.verify_token,
            archived=about.archived,
        )


def _parse(simulation: Simulation) -> Spec | SpecError:
    try:
        return parse_spec(simulation.spec)
    except SpecError as error:
        return error
