"""Carries out what was decided. Each step is idempotent, so that a reconcile may be repeated after a crash at any point."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from simulation_core.errors import UserUnknownError
from simulation_core.kinds import Kind
from simulation_core.ledger import accept as acceptance
from simulation_core.ledger import changes, control, errands, retrying
from simulation_core.plan import PLAN_VERSION
from simulation_core.reasons import Reason
from simulation_operator.advising import Adviser
from simulation_operator.api import Api
from simulation_operator.events import Events
from simulation_operator.happenings import Happening
from simulation_operator.keys import KeyQueue
from simulation_operator.lifecycle.actions import (
    Accept,
    Advise,
    Archive,
    Cancel,
    Decision,
    Delete,
    Expire,
    Hold,
    Look,
    Nothing,
    Plan,
    Refuse,
    Release,
    ResolveStart,
    Resume,
    RetryFailed,
    Suspend,
    UpdateChangeable,
    Verify,
    Wait,
)
from simulation_operator.lifecycle.decide import ABSENCES_THAT_PROVE_DELETION
from simulation_operator.lifecycle.observe import Observation
from simulation_operator.planning import Planner
from simulation_operator.resource import ARCHIVE_FINALIZER, Key
from simulation_operator.roster import Roster, Verdict
from simulation_operator.settings import OperatorSettings
from simulation_operator.threads import Threads

log = logging.getLogger(__name__)

SECOND_LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Applier:
    """Everything a decision may need to be carried out."""

    engine: Engine
    threads: Threads
    api: Api
    planner: Planner
    adviser: Adviser
    events: Events
    roster: Roster
    queue: KeyQueue[Key]
    settings: OperatorSettings

    def begin(self, key: Key) -> None:
        """A reconcile: until it has found nothing to do, something may be."""
        if (entry := self.roster.get(key.uid)) is not None:
            entry.settled = None

    async def apply(self, seen: Observation, decision: Decision) -> Observation | None:
        """Does it. What changed something lets the Simulation be looked at again at once. Raises LedgerUnavailableError, ApiError.

        Returned is what it looks like then, where that is at hand: of a thousand that are created together nobody need ask again.
        """
        key = seen.key
        match decision.action:
            case Nothing():
                self._looked_at(seen)
                self._settled(seen)
            case Wait():
                self._wait(seen, decision)
            case Refuse():
                self._judge(seen, Verdict(reason=decision.reason, message=decision.message, final=True))
            case Look():
                await self._look(key)
            case Accept():
                return await self._accept(seen, decision.action)
            case Plan(run):
                self._looked_at(seen)
                self.planner.start(key, run)
            case Advise(run, load, portal):
                self._looked_at(seen)
                self.adviser.start(key, run, load, portal)
            case ResolveStart():
                await self.threads.ledger(acceptance.resolve_start, self.engine, key.uid, self.settings.lead_milliseconds)
                self.queue.add(key)
            case Suspend() | Resume() | Cancel():
                await self._control(key, decision.action)
            case Delete():
                await self._delete(seen)
            case Hold() | Release() | Expire():
                await self._let_live_or_go(key, decision)
            case RetryFailed() | Verify() | Archive() | UpdateChangeable():
                await self.threads.ledger(self._record, key, decision.action)
                self.queue.add(key)
        return None

    def _record(self, key: Key, action: RetryFailed | Verify | Archive | UpdateChangeable) -> None:
        """On a thread for the ledger."""
        match action:
            case RetryFailed(token):
                records = retrying.retry_failed(self.engine, key.uid, token)
                log.info("%s: %d failed records are tried again", key, records)
            case Verify(token):
                errands.ask(self.engine, key.uid, Kind.VERIFY, token=token)
            case Archive():
                errands.ask(self.engine, key.uid, Kind.ARCHIVE)
            case UpdateChangeable(spec):
                changes.set_changeable(self.engine, key.uid, spec)

    async def _delete(self, seen: Observation) -> None:
        await self.threads.ledger(control.delete, self.engine, seen.key.uid)
        if seen.simulation is not None and seen.simulation.held:
            self.queue.add(seen.key)
        else:
            self.roster.forget(seen.key.uid)

    async def _let_live_or_go(self, key: Key, decision: Decision) -> None:
        log.info("%s: %s: %s", key, type(decision.action).__name__.lower(), decision.message)
        if isinstance(decision.action, Expire):
            self.events.tell(key, Happening(decision.reason, f"It is deleted: {decision.message}"))
            await self.api.delete(key)
            return
        if isinstance(decision.action, Release) and decision.reason is not Reason.ARCHIVED:
            await self.threads.ledger(errands.drop, self.engine, key.uid, Kind.ARCHIVE)  # first: nothing more is archived once it is gone
        now = await self.api.set_finalizer(key, ARCHIVE_FINALIZER, present=isinstance(decision.action, Hold))
        if now is not None:
            self.roster.see(now)
        self.queue.add(key)

    def _settled(self, seen: Observation) -> None:
        entry = self.roster.get(seen.key.uid)
        if entry is not None and entry.settled is None:  # else something was asked for since
            entry.settled = True

    def _looked_at(self, seen: Observation) -> None:
        entry = self.roster.get(seen.key.uid)
        if entry is None or seen.simulation is None or (seen.simulation.deleting and not seen.simulation.held):
            self.roster.forget(seen.key.uid)
            return
        entry.verdict = None
        entry.observed_generation = seen.simulation.generation
        if seen.run is not None and not entry.resting:  # of what the ledger doesn't know there is nothing to show
            self.roster.unshown.add(seen.key.uid)

    def _wait(self, seen: Observation, decision: Decision) -> None:
        if decision.reason is Reason.DATABASE_UNAVAILABLE:  # shown on all Simulations together, by the progress loop
            self.queue.retry(seen.key)
            return
        self._judge(seen, Verdict(reason=decision.reason, message=decision.message, final=False))

    def _judge(self, seen: Observation, verdict: Verdict) -> None:
        entry = self.roster.get(seen.key.uid)
        if entry is None or seen.simulation is None:
            return
        entry.verdict = verdict
        entry.observed_generation = seen.simulation.generation
        self.roster.unshown.add(seen.key.uid)

    async def _look(self, key: Key) -> None:
        if (found := await self.api.find(key)) is not None:
            self.roster.see(found)
            self.queue.add(key)
        else:
            proven = self.roster.absent(key.uid) >= ABSENCES_THAT_PROVE_DELETION
            self.queue.add(key, 0.0 if proven else SECOND_LOOK_SECONDS)

    async def _accept(self, seen: Observation, action: Accept) -> Observation | None:
        key = seen.key
        if seen.simulation is None:
            return None
        try:
            run = await self.threads.ledger(
                acceptance.accept,
                self.engine,
                id=key.uid,
                namespace=key.namespace,
                name=key.name,
                spec=seen.simulation.spec,
                parsed=action.spec,
                seed=action.seed,
                default_user_id=self.settings.default_user_id,
                lead_ms=self.settings.lead_milliseconds,
                plan_version=PLAN_VERSION,
            )
        except UserUnknownError as error:
            self._judge(seen, Verdict(reason=Reason.USER_UNKNOWN, message=str(error), final=True))
            return None
        log.info("accepted %s: %s", key, run.status)
        return replace(seen, run=run)

    async def _control(self, key: Key, action: Suspend | Resume | Cancel) -> None:
        change = {Suspend: control.suspend, Resume: control.resume, Cancel: control.cancel}[type(action)]
        left = await self.threads.ledger(change, self.engine, key.uid)
        log.info("%s: %s, %d claims are still under way", key, type(action).__name__.lower(), left)
        self.queue.add(key)
