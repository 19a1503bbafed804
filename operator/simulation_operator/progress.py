"""The loop that finds how far each Simulation is: fold, read, and the status that follows; the writer shows what changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.clock import now_ms
from simulation_core.errors import LedgerUnavailableError, QueueUnavailableError
from simulation_core.kinds import Kind
from simulation_core.ledger import control, preparing
from simulation_core.ledger import portals as portal_reports
from simulation_core.ledger import progress as ledger_progress
from simulation_core.ledger.portals import PortalAccount, PortalProblem
from simulation_core.ledger.values import Progress, Run
from simulation_core.portals import Portals, PortalsFile
from simulation_core.reasons import Reason
from simulation_operator.keys import KeyQueue
from simulation_operator.leadership import Leadership, State
from simulation_operator.looks import MOST_URGENT, Looks
from simulation_operator.metrics import Metrics
from simulation_operator.resource import Key
from simulation_operator.roster import Entry, Roster, Verdict
from simulation_operator.setbacks import INTERNAL_ERROR, SHOWN_FROM
from simulation_operator.status import PHASES, Problem, View, build, while_database_is_away
from simulation_operator.status_writer import StatusWriter
from simulation_operator.threads import Threads

log = logging.getLogger(__name__)

SAFE_EVICTION = "noeviction"
FOLDS_A_TICK = 10
ALL_EVERY_SECONDS = 10.0  # within as many looks as fit into them what changes by the clock alone, or with a portal, is seen
FOLDED_WITHIN_MS = 30_000  # an end is not kept from anybody for longer, whatever is wrong
BUILT_AT_ONCE = 25  # statuses
OVERLAP_SECONDS = 3.0  # a transaction commits a little after the moment it writes down


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What one look at ledger and queue brought."""

    progress: Mapping[UUID, Progress]
    portal_problems: Mapping[str, PortalProblem]
    accounts: Mapping[str, PortalAccount]
    queue_problem: Problem | None
    portals: Portals  # as configured at that moment
    content_setbacks: Mapping[UUID, Reason] = field(default_factory=dict)  # why a language model writes nothing now


@dataclass(kw_only=True)
class ProgressLoop:
    engine: Engine
    threads: Threads
    roster: Roster
    queue: KeyQueue[Key]
    portals: PortalsFile
    leadership: Leadership
    writer: StatusWriter
    metrics: Metrics
    eviction_policy: Callable[[], str]  # raises QueueUnavailableError
    every_seconds: float
    most_urgent: int = MOST_URGENT  # statuses that are built at a look
    _known_portals: object = field(default=None)
    _asked_at: float | None = None  # monotonic, when the ledger last answered; None: never, or not since an outage

    def __post_init__(self) -> None:
        self._looks = Looks(self.roster, all_within=max(1, round(ALL_EVERY_SECONDS / self.every_seconds)), most_urgent=self.most_urgent)

    async def run(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                await self.tick()
            except Exception:
                log.exception("showing progress failed")
            await asyncio.sleep(max(0.1, self.every_seconds - (time.monotonic() - begun)))

    async def tick(self) -> None:
        """One look at everything, and what shall be shown of it."""
        self._look_at_portals()
        if self.leadership.state is State.AWAY:
            self._asked_at = None
            self._show_outage(self.leadership.problem)
        if not self.leadership.leading:
            if self.leadership.state is not State.AWAY:
                self.writer.want({})  # another one leads
            return
        try:
            asked_at, known, states = await self._know()
            if self._asked_at is None:
                self.roster.doubt()
            await self._show(chosen := self._looks.choose(known, states))
            if unsure := [entry for entry in known if entry.unsure]:  # after a restart hundreds, which takes seconds
                await self._show([*chosen, *unsure])
        except LedgerUnavailableError as error:
            self._asked_at = None
            self._show_outage(str(error))
            return
        self._asked_at = asked_at

    # what to show

    async def _know(self) -> tuple[float, list[Entry], Mapping[UUID, ledger_progress.State]]:
        """When the ledger was asked, of which Simulations anything is known, and what it says of their runs."""
        entries = [entry for entry in self.roster.awake() if entry.of_interest or entry.key.uid in self.roster.unshown]
        asked_at, states = await self.threads.ledger(self._take_in, [entry.key.uid for entry in entries])
        return asked_at, [entry for entry in entries if entry.key.uid in states or self._verdict(entry) is not None], states

    async def _show(self, chosen: list[Entry]) -> None:
        """Raises LedgerUnavailableError."""
        facts = await self.threads.ledger(self._ask, [entry.key.uid for entry in chosen])
        self._count_phases()
        self._wake_what_is_archived(facts)
        statuses = await self._statuses(chosen, facts)
        self.writer.want(statuses if self.leadership.leading else {})
        self._look_again_at_what_drains(facts)

    def _take_in(self, ids: list[UUID]) -> tuple[float, Mapping[UUID, ledger_progress.State]]:
        """What workers have counted since the last look, and which runs changed since that was asked."""
        for _ in range(FOLDS_A_TICK):
            if not ledger_progress.fold(self.engine):
                break
        control.settle(self.engine)
        now = time.monotonic()
        since = now if self._asked_at is None else self._asked_at
        return now, ledger_progress.states(self.engine, ids, round((now - since + OVERLAP_SECONDS) * 1000))

    def _ask(self, ids: list[UUID]) -> Facts:
        return Facts(
            progress={progress.run.id: progress for progress in ledger_progress.progress(self.engine, ids)},
            portal_problems=portal_reports.problems(self.engine),
            accounts=portal_reports.accounts(self.engine),
            content_setbacks=preparing.setbacks(self.engine, ids),
            queue_problem=self._ask_queue(),
            portals=self.portals.current,
        )

    def _ask_queue(self) -> Problem | None:
        try:
            policy = self.eviction_policy()
        except QueueUnavailableError as error:
            return Problem(Reason.QUEUE_UNAVAILABLE, f"{str(error).rstrip('.')}. What is due is offered again when it is back")
        if policy == SAFE_EVICTION:
            return None
        message = f"Redis may evict jobs: its maxmemory-policy is {policy}; set it to {SAFE_EVICTION}."
        return Problem(Reason.QUEUE_POLICY_UNSAFE, message, blocks=False)

    async def _statuses(self, chosen: list[Entry], facts: Facts) -> dict[UUID, dict[str, Any]]:
        """Some hundreds take a good part of a second, in which watches and writes go on."""
        built = []
        for number, entry in enumerate(chosen):
            if number % BUILT_AT_ONCE == 0:
                await asyncio.sleep(0)
            before, entry.unsure = entry.written, False
            try:
                status = self._status(entry, facts)
            except Exception:  # one that can't be shown must not keep all others from it
                log.exception("the status of %s can't be built", entry.key)
                entry.unshown_since = None
                continue
            if status is not None:
                built.append((entry, before, status))
        known = [one for one in built if self.roster.get(one[0].key.uid) is one[0]]  # not gone, nor come to rest, meanwhile
        overtaken = {entry.key.uid for entry, before, _ in known if entry.written is not before}
        self.roster.unshown |= overtaken  # built upon a status that has been replaced meanwhile: the next look builds it again
        return {entry.key.uid: status for entry, _, status in known if entry.key.uid not in overtaken}

    def _status(self, entry: Entry, facts: Facts) -> dict[str, Any] | None:
        """None: nothing new is known of it."""
        progress = facts.progress.get(entry.key.uid)
        if progress is None and self._verdict(entry) is None:
            return None
        if progress is not None and is_being_folded(progress.run, sum(progress.delivered)):
            return None
        return build(self._view(entry, progress, facts))

    def _view(self, entry: Entry, progress: Progress | None, facts: Facts) -> View:
        name = progress.run.portal if progress else ""
        account = facts.accounts.get(name)
        return View(
            simulation=entry.simulation,
            observed_generation=entry.observed_generation or entry.simulation.generation,
            now_ms=now_ms(),
            before=entry.written,
            progress=progress,
            verdict=self._verdict(entry),
            problems=[
                *self._internal(entry),
                *self._problems(name, facts),
                *self._of_run(name, entry.key.uid, facts),
                *_content_problems(entry, facts),
            ],
            portal=facts.portals.get(name),
            account={} if account is None else {"accountId": account.account_id, "accountType": account.account_type},
        )

    @staticmethod
    def _internal(entry: Entry) -> list[Problem]:
        return [INTERNAL_ERROR] if entry.setbacks >= SHOWN_FROM else []

    def _verdict(self, entry: Entry) -> Verdict | None:
        """Of what is finished nothing but the end is said."""
        if entry.verdict is None and not entry.finished and self._internal(entry):
            return Verdict(reason=INTERNAL_ERROR.reason, message=INTERNAL_ERROR.message, final=False)
        return entry.verdict

    def _problems(self, portal: str, facts: Facts) -> list[Problem]:
        """What concerns a run of this portal; what an administrator must act on comes first."""
        found = []
        if portal and portal not in facts.portals:
            found.append(
                Problem(Reason.PORTAL_UNKNOWN, f"portal {portal!r} is no longer configured: ask the administrator to add it again")
            )
        if facts.queue_problem is not None:
            found.append(facts.queue_problem)
        if (reported := facts.portal_problems.get(portal)) is not None:
            found.append(Problem(reported.reason, reported.message))
        return found

    @staticmethod
    def _of_run(portal: str, run: UUID, facts: Facts) -> list[Problem]:
        """What concerns this run alone: the portal lacks what its spec names."""
        reported = facts.portal_problems.get(portal_reports.run_on(portal, run))
        return [] if reported is None else [Problem(reported.reason, reported.message)]

    # around it

    def _show_outage(self, message: str) -> None:
        shown = {}
        for entry in self.roster.awake():
            if not entry.finished:
                view = View(
                    simulation=entry.simulation,
                    observed_generation=entry.observed_generation or entry.simulation.generation,
                    now_ms=now_ms(),
                    before=entry.written,
                )
                shown[entry.key.uid] = while_database_is_away(view, Reason.DATABASE_UNAVAILABLE.meaning)
        if shown:
            log.warning("the ledger is away: %s", message)
        self.writer.want(shown)

    def _look_at_portals(self) -> None:
        """What waits for a portal is looked at again as soon as the file changes."""
        portals = self.portals.current
        if portals is not self._known_portals:
            self._known_portals = portals
            self.roster.unsettle()
            for key in self.roster.waiting():
                self.queue.add(key)

    def _wake_what_is_archived(self, facts: Facts) -> None:
        """It may go now."""
        for entry in self.roster.awake():
            progress = facts.progress.get(entry.key.uid) if entry.simulation.deleting else None
            if progress is not None and (archive := progress.errands.get(Kind.ARCHIVE)) is not None and archive.done:
                self.queue.add(entry.key)

    def _look_again_at_what_drains(self, facts: Facts) -> None:
        """A run that was stopped early counts what was being delivered then."""
        draining = {uid for uid, progress in facts.progress.items() if progress.run.status.terminal and progress.draining}
        self.roster.unshown |= draining & {entry.key.uid for entry in self.roster.awake()}

    def _count_phases(self) -> None:
        counted = Counter(entry.written.get("phase", "Planning") for entry in self.roster)
        for phase in PHASES.values():
            self.metrics.phases.labels(phase).set(counted[phase])


def is_being_folded(run: Run, folded: int) -> bool:
    """Its last records are counted, and in no timeline yet. Its end is shown once they are, for after that nobody looks again."""
    if not run.status.terminal or run.finished_ms is None or folded >= run.records_processed:
        return False
    return now_ms() - run.finished_ms < FOLDED_WITHIN_MS


def _content_problems(entry: Entry, facts: Facts) -> list[Problem]:
    """A model that is away stops no run."""
    reason = facts.content_setbacks.get(entry.key.uid)
    return [] if reason is None else [Problem(reason, reason.meaning, blocks=False)]
