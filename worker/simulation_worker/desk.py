"""One portal as this process serves it: its client, whether it was found ready, and until when it is left alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import portals as ledger_portals
from simulation_core.ledger.portals import PortalAccount
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_worker.admission import Admission
from simulation_worker.budget.budget import Budget
from simulation_worker.budget.day import Day
from simulation_worker.budget.limits import day as calls_a_day
from simulation_worker.budget.purse import Purse
from simulation_worker.budget.spending import Spending
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS, CrmClient
from simulation_worker.crm.delivery import Part
from simulation_worker.crm.errors import PausedError, PortalHeldError
from simulation_worker.crm.fates import Delivered, Postponed, RecordFate
from simulation_worker.crm.judge import DAILY_MS
from simulation_worker.crm.objects import Objects
from simulation_worker.crm.setup import prepare
from simulation_worker.lease import Lease
from simulation_worker.metrics import Metrics
from simulation_worker.retry import hold_ms

log = logging.getLogger(__name__)


SAME_PAUSE_MS = 1_000  # two that end within this are one


class Desk:
    """Tells the ledger why the portal isn't served, and when it is again. A new token or another limit makes a new desk."""

    def __init__(
        self,
        portal: Portal,
        token: str,
        *,
        engine: Engine,
        metrics: Metrics,
        budget: Budget,
        deadline_seconds: float = CALL_DEADLINE_SECONDS,
    ) -> None:
        self.portal = portal
        self.token = token
        self.budget = budget
        self._engine = engine
        self._metrics = metrics
        self._deadline_seconds = deadline_seconds
        self._day = Day()
        self._call_by_call = Spending(budget, self._day)
        self._by_thread = threading.local()
        self._clients: list[CrmClient] = []
        self._checking = self._new_client()
        self._admission = Admission(portal, self._tell_problem, budget.grant)
        self._ready = False
        self._writes_fail = False  # answering our checks is no proof then: only a delivery is
        self._closed = False
        self._holding = threading.Lock()
        self._held_until_s = 0.0
        self._holds = 0
        self._told_of = 0
        self._outages = 0
        self._told = True  # a problem of an earlier process may stand in the ledger: clear it at the first success

    @property
    def held_for_s(self) -> float:
        """Seconds for which nothing should be sent; 0: none."""
        return max(self._held_by_us_s, self.budget.shut_for_s)

    @property
    def _held_by_us_s(self) -> float:
        return max(0.0, self._held_until_s - time.monotonic())

    @property
    def closed(self) -> bool:
        """The portal has another desk, or none: what this one has not begun is for that one."""
        return self._closed

    @property
    def ready(self) -> bool:
        """Whether the account and its properties were found in order."""
        return self._ready

    @property
    def scarce(self) -> bool:
        """Whether the portal's calls are what work waits for: then a load carries more, which saves calls."""
        return self.budget.scarce

    @property
    def apart(self) -> frozenset[str]:
        """Runs that share no call with others for now."""
        return self._admission.quarantine.apart

    def make_ready(self) -> bool:
        """Checks the account and its properties once. False: the portal is held, and the ledger knows why."""
        if self._ready:
            return True
        try:
            account = prepare(self._checking, self.portal)
        except PortalHeldError as held:
            self.hold(held.reason, str(held), held.wait_ms)
            return False
        except PausedError:  # by another worker, which said so, or because it is another's turn to try
            return False
        log.info("portal %s: account %d, %s", self.portal.name, account.id, account.type)
        self._day.of_account(account.id, account.zone)
        self.budget.of_account(account.id)
        seen = PortalAccount(account_id=account.id, account_type=account.type)
        self._tell(lambda: ledger_portals.saw_account(self._engine, self.portal.name, seen))
        if not self._writes_fail and not self.budget.view.trying:
            self._served()
        self._ready = True  # last: from now on the slots may use the desk
        return True

    def deliver(self, parts: Sequence[Part], lease: Lease) -> list[dict[int, RecordFate]]:
        """The fate of each part's records. A portal that asks for a pause gets it, and the records are postponed until then."""
        client, before = self._client(), self._pauses
        client.before_call = lease.hold_for
        self.budget.delivering()
        try:
            fates = self._admission.deliver(client, parts, lease.leaving)
        except PortalHeldError as held:
            self._ready = False  # ask anew who we are before the next write
            wait_ms = 0 if self._closed else self.hold(held.reason, str(held), held.wait_ms)
            fate = Postponed(reason=held.reason, message=str(held), wait_ms=wait_ms, counts_as_try=False)
            return _all_postponed(parts, fate)
        finally:
            client.before_call = lambda _: None
            self.budget.delivering()
        self._learn_from([fate for of_part in fates for fate in of_part.values()], before)
        return fates

    @contextmanager
    def spending(self, purse: Purse) -> Iterator[None]:
        """This thread's calls are paid from `purse` first."""
        client, spending = self._client(), Spending(self.budget, self._day, purse)
        client.pace = spending
        try:
            yield
        finally:
            client.pace = self._call_by_call
            spending.end()

    def write_day(self) -> None:
        """Counts the calls in the account's day; when that is used up, leaves the portal alone. Raises LedgerUnavailableError."""
        self._day.write(self._engine)
        self._metrics.budget.calls_today.labels(self.portal.name).set(self._day.calls)
        told, most = self.budget.told, calls_a_day(self.portal, self.budget.told.per_day)
        if self._held_by_us_s or (self._day.calls < most and told.left_today != 0):
            return
        self.budget.told = replace(told, left_today=None)  # of a day that is over for us
        made = f"{self._day.calls} calls of {most} were made since the account's midnight"
        self.hold(Reason.DAILY_LIMIT_REACHED, f"{Reason.DAILY_LIMIT_REACHED.meaning} {made}.", DAILY_MS)

    def objects(self, lease: Lease, pause: Callable[[float], object]) -> Objects:
        """This thread's calls for an errand that is held by `lease`; `pause` waits, or returns at once when there is no time left."""
        client = self._client()
        client.before_call = lease.hold_for
        return Objects(client, aside_s=self.budget.aside_s, sleep=pause)

    def hold(self, reason: Reason, message: str, asked_ms: int) -> int:
        """Leaves the portal alone; for how many milliseconds. What several slots meet at once is one outage."""
        with self._holding:
            self._outages += reason is Reason.PORTAL_UNAVAILABLE and not self.held_for_s
            own_ms = hold_ms(reason, asked_ms, self._outages)
            if reason is Reason.DAILY_LIMIT_REACHED:
                own_ms = self._day.left_ms() or own_ms
            wait_ms = max(own_ms, round(self._held_by_us_s * 1000))
            self._held_until_s = time.monotonic() + wait_ms / 1000
            self._holds += 1
        reason, message, own_ms = self._tell_workers(reason, message, own_ms)
        wait_ms = max(wait_ms, own_ms)
        self._metrics.held.labels(self.portal.name).set(1)
        log.warning("portal %s is left alone for %.1f s: %s: %s", self.portal.name, wait_ms / 1000, reason, message)
        self._told = True
        self._tell(lambda: ledger_portals.report(self._engine, self.portal.name, reason, message, own_ms))
        return wait_ms

    def _tell_workers(self, reason: Reason, message: str, wait_ms: int) -> tuple[Reason, str, int]:
        """What all of them have to keep; how it looks then. What is wrong with a token each finds out with its own."""
        if reason is Reason.PORTAL_UNAVAILABLE and (open_ms := self.budget.failed(wait_ms)):
            return Reason.CIRCUIT_OPEN, f"{Reason.CIRCUIT_OPEN.meaning} {message}", max(wait_ms, open_ms)
        if reason in {Reason.PORTAL_THROTTLED, Reason.DAILY_LIMIT_REACHED}:
            self.budget.pause(reason, wait_ms)
        return reason, message, wait_ms

    @property
    def _pauses(self) -> tuple[int, int]:
        """Ours, and those of all workers, so far."""
        return self._holds, self.budget.view.generation

    def close(self) -> None:
        """What is still found out about it is no longer told: the portal may have another desk by now."""
        self._closed = True
        for client in self._clients:
            client.close()
        try:
            self._day.write(self._engine)
        except LedgerUnavailableError as error:
            log.debug("portal %s: its last calls are in no account's day: %s", self.portal.name, error)

    def _client(self) -> CrmClient:
        """One a thread: a client's deadline watches one call at a time."""
        client: CrmClient | None = getattr(self._by_thread, "client", None)
        if client is None:
            client = self._by_thread.client = self._new_client()
        return client

    def _new_client(self) -> CrmClient:
        client = CrmClient(url=self.portal.url, token=self.token, pace=self._call_by_call, deadline_seconds=self._deadline_seconds)
        client.after_call = lambda _path, status: self._metrics.calls.labels(self.portal.name, status).inc()
        self._clients.append(client)
        return client

    def _learn_from(self, fates: Sequence[RecordFate], before: tuple[int, int]) -> None:
        """`before`: how often the portal had been held when the delivery began. One that was under way since before is no proof."""
        postponed = [fate for fate in fates if isinstance(fate, Postponed)]
        pause = next((fate for fate in postponed if fate.reason in PAUSES and not fate.counts_as_try), None)
        if pause and self._is_news(pause):
            if pause.reason is Reason.PORTAL_UNAVAILABLE:
                self._ready, self._writes_fail = False, True  # checked again before it gets another job, which it might keep for long
            self.hold(pause.reason, pause.message, pause.wait_ms)
        elif not pause and before == self._pauses and any(isinstance(fate, Delivered) for fate in fates):
            self.budget.served(before[1])
            self._told = self._told or before[1] != self._told_of  # another worker said why the portal was left alone, and may be gone
            self._told_of = before[1]
            self._served()

    def _is_news(self, pause: Postponed) -> bool:
        """A load that was stopped by the pause that lasts says nothing new. Each call that HubSpot did not answer is a failure."""
        held_ms = self.held_for_s * 1000
        return pause.reason is Reason.PORTAL_UNAVAILABLE or not held_ms or held_ms + SAME_PAUSE_MS < pause.wait_ms

    def _served(self) -> None:
        self._outages, self._writes_fail = 0, False
        self._metrics.held.labels(self.portal.name).set(0)
        if self._told:
            self._told = not self._tell(lambda: ledger_portals.clear(self._engine, self.portal.name))

    def _tell_problem(self, whose: str, reason: Reason | None, message: str, again_after_ms: int) -> None:
        if reason is None:
            self._tell(lambda: ledger_portals.clear(self._engine, whose))
        else:
            self._tell(lambda: ledger_portals.report(self._engine, whose, reason, message, again_after_ms))

    def _tell(self, write: Callable[[], None]) -> bool:
        """What the ledger can't take now is told again with the next problem: a condition is no reason to stop delivering."""
        if self._closed:
            return False
        try:
            write()
        except LedgerUnavailableError as error:
            log.warning("portal %s: could not be recorded: %s", self.portal.name, error)
            return False
        return True


# Reasons that are the portal's, not a record's.
PAUSES = frozenset({Reason.PORTAL_UNAVAILABLE, Reason.PORTAL_THROTTLED, Reason.DAILY_LIMIT_REACHED})


def _all_postponed(parts: Sequence[Part], fate: Postponed) -> list[dict[int, RecordFate]]:
    return [{record.number: fate for record in part.records} for part in parts]
