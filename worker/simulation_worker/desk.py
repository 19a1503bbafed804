"""One portal as this process serves it: its client, whether it was found ready, and until when it is left alone."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import portals as ledger_portals
from simulation_core.ledger.portals import PortalAccount
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS, CrmClient
from simulation_worker.crm.delivery import Part, deliver_records
from simulation_worker.crm.errors import PortalHeldError
from simulation_worker.crm.fates import Delivered, Postponed, RecordFate
from simulation_worker.crm.objects import Objects
from simulation_worker.crm.pace import Pace
from simulation_worker.crm.setup import prepare
from simulation_worker.lease import Lease
from simulation_worker.metrics import Metrics
from simulation_worker.retry import hold_ms

log = logging.getLogger(__name__)


class Desk:
    """Tells the ledger why the portal isn't served, and when it is again. A new token or another limit makes a new desk."""

    def __init__(
        self,
        portal: Portal,
        token: str,
        *,
        engine: Engine,
        metrics: Metrics,
        deadline_seconds: float = CALL_DEADLINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.portal = portal
        self.token = token
        self._engine = engine
        self._metrics = metrics
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        self._pace = Pace(portal.calls_per_ten_seconds)  # of all clients together
        self._by_thread = threading.local()
        self._clients: list[CrmClient] = []
        self._checking = self._new_client()
        self._ready = False
        self._writes_fail = False  # answering our checks is no proof then: only a delivery is
        self._closed = False
        self._holding = threading.Lock()
        self._held_until_s = 0.0
        self._holds = 0
        self._outages = 0
        self._delivered_s = -math.inf  # when a delivery last began or ended: errands stand aside
        self._told = True  # a problem of an earlier process may stand in the ledger: clear it at the first success

    @property
    def held_for_s(self) -> float:
        """Seconds for which nothing should be sent; 0: none."""
        return max(0.0, self._held_until_s - self._clock())

    @property
    def ready(self) -> bool:
        """Whether the account and its properties were found in order."""
        return self._ready

    def make_ready(self) -> bool:
        """Checks the account and its properties once. False: the portal is held, and the ledger knows why."""
        if self._ready:
            return True
        try:
            account = prepare(self._checking, self.portal)
        except PortalHeldError as held:
            self.hold(held.reason, str(held), held.wait_ms)
            return False
        log.info("portal %s: account %d, %s", self.portal.name, account.id, account.type)
        seen = PortalAccount(account_id=account.id, account_type=account.type)
        self._tell(lambda: ledger_portals.saw_account(self._engine, self.portal.name, seen))
        if not self._writes_fail:
            self._served()
        self._ready = True  # last: from now on the slots may use the desk
        return True

    def deliver(self, parts: Sequence[Part], lease: Lease) -> list[dict[int, RecordFate]]:
        """The fate of each part's records. A portal that asks for a pause gets it, and the records are postponed until then."""
        client, holds = self._client(), self._holds
        client.before_call = lease.hold_for
        self._delivered_s = self._clock()
        try:
            fates = deliver_records(client, parts, clock=self._clock)
        except PortalHeldError as held:
            self._ready = False  # ask anew who we are before the next write
            wait_ms = self.hold(held.reason, str(held), held.wait_ms)
            fate = Postponed(reason=held.reason, message=str(held), wait_ms=wait_ms, counts_as_try=False)
            return [{record.number: fate for record in part.records} for part in parts]
        finally:
            client.before_call = lambda _: None
            self._delivered_s = self._clock()
        self._learn_from([fate for of_part in fates for fate in of_part.values()], holds)
        return fates

    def objects(self, lease: Lease, pause: Callable[[float], object]) -> Objects:
        """This thread's calls for an errand that is held by `lease`; `pause` waits, or returns at once when there is no time left."""
        client = self._client()
        client.before_call = lease.hold_for
        limit = self.portal.calls_per_ten_seconds
        return Objects(client, calls_per_ten_seconds=limit, delivered_s=lambda: self._delivered_s, sleep=pause)

    def hold(self, reason: Reason, message: str, asked_ms: int) -> int:
        """Leaves the portal alone; for how many milliseconds. What several slots meet at once is one outage."""
        with self._holding:
            self._outages += reason is Reason.PORTAL_UNAVAILABLE and not self.held_for_s
            wait_ms = max(hold_ms(reason, asked_ms, self._outages), round(self.held_for_s * 1000))
            self._held_until_s = self._clock() + wait_ms / 1000
            self._holds += 1
        self._metrics.held.labels(self.portal.name).set(1)
        log.warning("portal %s is left alone for %.1f s: %s: %s", self.portal.name, wait_ms / 1000, reason, message)
        self._told = True
        self._tell(lambda: ledger_portals.report(self._engine, self.portal.name, reason, message, wait_ms))
        return wait_ms

    def close(self) -> None:
        """What is still found out about it is no longer told: the portal may have another desk by now."""
        self._closed = True
        for client in self._clients:
            client.close()

    def _client(self) -> CrmClient:
        """One a thread: a client's deadline watches one call at a time."""
        client: CrmClient | None = getattr(self._by_thread, "client", None)
        if client is None:
            client = self._by_thread.client = self._new_client()
        return client

    def _new_client(self) -> CrmClient:
        client = CrmClient(url=self.portal.url, token=self.token, pace=self._pace, deadline_seconds=self._deadline_seconds)
        client.after_call = lambda _path, status: self._metrics.calls.labels(self.portal.name, status).inc()
        self._clients.append(client)
        return client

    def _learn_from(self, fates: Sequence[RecordFate], holds: int) -> None:
        """`holds`: how often the portal had been held when the delivery began. One that was under way since before is no proof."""
        postponed = [fate for fate in fates if isinstance(fate, Postponed)]
        pause = next((fate for fate in postponed if fate.reason in PAUSES and not fate.counts_as_try), None)
        if pause:
            if pause.reason is Reason.PORTAL_UNAVAILABLE:
                self._ready, self._writes_fail = False, True  # checked again before it gets another job, which it might keep for long
            self.hold(pause.reason, pause.message, pause.wait_ms)
        elif holds == self._holds and any(isinstance(fate, Delivered) for fate in fates):
            self._served()

    def _served(self) -> None:
        self._outages, self._writes_fail = 0, False
        self._metrics.held.labels(self.portal.name).set(0)
        if self._told:
            self._told = not self._tell(lambda: ledger_portals.clear(self._engine, self.portal.name))

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
