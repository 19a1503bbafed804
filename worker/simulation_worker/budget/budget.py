"""One portal's budget as this process draws on it: before work is taken, and before each call."""

from __future__ import annotations

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TypeVar

from redis import Redis

from simulation_core.errors import QueueUnavailableError
from simulation_core.kinds import Kind
from simulation_core.portals import Portal
from simulation_core.queue.admission import Admission, Gate
from simulation_core.queue.names import queue_name
from simulation_core.reasons import Reason
from simulation_worker.budget.accounting import PATIENCE_US, Accounting
from simulation_worker.budget.keys import app_key, errands_key, finding_key, search_key
from simulation_worker.budget.limits import SEARCHES, Limit, Told, read_headers, ten_seconds
from simulation_worker.budget.local_pace import LocalPace
from simulation_worker.budget.purse import Purse
from simulation_worker.budget.view import View
from simulation_worker.crm.errors import PausedError
from simulation_worker.metrics import Metrics

log = logging.getLogger(__name__)

# Reserved for a load: the companies and contacts of a hundred records, and what joins them. A larger one draws the rest call by call: its
# calls come one after the other, and were they reserved long before, most of their moments would be over.
CALLS_EACH, CALLS_MORE = 2, 1
CALLS_A_LOAD = CALLS_EACH + CALLS_MORE
LONGEST_WAIT_US = 15_000_000  # a call beyond what its load had reserved waits its turn; liveness allows far more
ASSUMED_WORKERS = 10  # until Redis was asked: the most a chart's default allows
REDIS_AGAIN_SECONDS = 5.0
DELIVERING_SECONDS = 2.0  # so long after a delivery was seen, or a job for one, deliveries count as going on
SCARCE_SECONDS = 5.0  # for so long after work had waited for calls, calls are worth saving
Answer = TypeVar("Answer")


class Budget:
    """Used by all threads of this process. All processes with the same server and token share what is behind it."""

    def __init__(
        self,
        redis: Redis,
        portal: Portal,
        token: str,
        *,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.view = View()
        self.told = Told()
        self.limit = ten_seconds(portal, None)
        self._accounting = Accounting(redis, uuid.uuid4().hex)
        self._portal = portal
        self._key = app_key(portal.url, token)
        self._search_key = search_key(portal.url, 0)
        self._metrics = metrics.budget.of(portal.name)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._given_back: list[float] = []  # moments
        self._workers = ASSUMED_WORKERS
        self._alone: LocalPace | None = None
        self._redis_again_s = 0.0
        self._scarce_until_s = 0.0
        self._delivering_until_s = -math.inf
        self._metrics.limit.set(self.limit.calls)

    # -- before work is taken

    @property
    def shut_for_s(self) -> float:
        """Seconds for which no call may be made by anybody; 0: none."""
        return self.view.shut_for_s(self._clock())

    @property
    def paced_for_s(self) -> float:
        """Seconds until there are calls for another load; 0: there may be now."""
        return self.view.paced_for_s(self._clock())

    @property
    def scarce(self) -> bool:
        """Whether there was more to do, a moment ago, than there were calls for."""
        return self._clock() < self._scarce_until_s

    def gate(self, jobs_a_load: int, *, large: bool = False) -> Gate:
        """For one take. `large`: loads that draw more than is reserved; one is begun only where no call waits for its moment.

        Else loads would be begun on top of those under way, and all of them take as much longer as there are more of them.
        """
        with self._lock:
            moments_s, self._given_back = self._given_back, []
        since_s = self._payable_since_s()
        given_back = sum(moment_s >= since_s for moment_s in moments_s)
        self._metrics.given_back.inc(given_back)
        jobs, calls = (jobs_a_load, jobs_a_load), (CALLS_EACH, CALLS_MORE)
        patience_us = 0 if large else PATIENCE_US
        return self._accounting.gate(self._key, self.limit, patience_us=patience_us, given_back=given_back, jobs=jobs, calls=calls)

    def admitted(self, admission: Admission) -> Purse:
        """What a take through the gate brought."""
        now_s = self._clock()
        self._heard(admission)
        self.view.paced(now_s + admission.wait_us / 1e6)
        if admission.wait_us:
            self._scarce_until_s = now_s + admission.wait_us / 1e6 + SCARCE_SECONDS
            self.delivering()  # it would, were there calls: errands make room for it
        self._metrics.taken.inc(admission.uses)
        return Purse.of(admission, self.limit.spacing_us, now_s)

    def give_back(self, purse: Purse) -> None:
        """What a load had more than it needed goes back with the next take, if it isn't too late for it by then."""
        left = purse.empty()
        with self._lock:
            self._given_back += left

    # -- before and after a call

    def wait(self, purse: Purse, *, search: bool = False) -> None:
        """Returns when the call may begin. Raises PausedError where the portal is to be left alone."""
        self._be_open()
        moment_s = None if search else purse.pay(self._payable_since_s())
        if moment_s is None:
            moment_s = self._draw(search=search)
        if (wait_s := moment_s - self._clock()) > 0:
            self._metrics.waited.inc(wait_s)
            self._sleep(wait_s)
            self._be_open()

    def grant(self, calls: int) -> int:
        """So many calls for finding out by which record a call was refused, or none: for that, all workers together have a share.

        Each of these calls has to be drawn besides. Without Redis there are none: what isn't found out now is tried again.
        """
        admission = self._tell(lambda: self._accounting.draw(finding_key(self._key), self.limit.finding, calls, patience_us=0))
        return admission.uses if admission else 0

    def delivering(self) -> None:
        """A delivery begins, ends, or waits for calls."""
        self._delivering_until_s = self._clock() + DELIVERING_SECONDS

    def aside_s(self) -> float:
        """Before an errand's call: seconds it is to wait, so that deliveries come first. Said once a call.

        While any worker delivers, or has something to deliver, the errands of all of them share a part of the limit. Without Redis this
        one takes its own part of that.
        """
        if self._clock() >= self._delivering_until_s:
            return 0.0
        errands = self.limit.errands
        admission = self._tell(lambda: self._accounting.draw(errands_key(self._key), errands, 1, patience_us=LONGEST_WAIT_US))
        if admission is None:
            return self._workers * errands.spacing_us / 1e6
        return max(0.0, admission.first_us / 1e6) if admission.uses else LONGEST_WAIT_US / 1e6

    def learn(self, headers: Mapping[str, str]) -> None:
        """What HubSpot says of its limits counts from now on."""
        told = read_headers(headers)
        if told.per_ten_seconds is None and told.left_today is None:
            return
        self.told = told
        limit = ten_seconds(self._portal, told.per_ten_seconds)
        if limit != self.limit:
            self.limit = limit
            self._metrics.limit.set(limit.calls)
            log.info("portal %s: HubSpot allows %g calls in ten seconds", self._portal.name, limit.calls)

    def of_account(self, account_id: int) -> None:
        self._search_key = search_key(self._portal.url, account_id)

    # -- pauses that all workers keep

    def pause(self, reason: Reason, wait_ms: int) -> None:
        self.view.shut(reason.value, self._clock() + wait_ms / 1000)
        self._metrics.pause(reason)
        generation = self._tell(lambda: self._accounting.pause(self._key, reason, wait_ms))
        if generation is not None:
            self.view.generation = generation

    def failed(self, least_ms: int) -> int:
        """HubSpot doesn't answer. Milliseconds for which the circuit is open for that; 0: not yet."""
        self.view.troubled = True
        answer = self._tell(lambda: self._accounting.failed(self._key, least_ms))
        if answer is None:
            return 0
        open_ms, self.view.generation = answer
        if open_ms:
            self.view.shut(Reason.CIRCUIT_OPEN.value, self._clock() + open_ms / 1000)
            self._metrics.pause(Reason.CIRCUIT_OPEN)
            self._metrics.circuit_open()
        return open_ms

    def served(self, generation: int) -> None:
        """Records were delivered by work that began in this generation of pauses."""
        if self.view.troubled and self._tell(lambda: self._accounting.served(self._key, generation)):
            self.view.opened()
            self._metrics.circuit_closed()

    def look(self) -> None:
        """What other workers met since. Called now and then by the upkeep; raises QueueUnavailableError."""
        self._heard(self._accounting.draw(self._key, self.limit, 0))
        workers, deliveries = self._accounting.others(queue_name(Kind.DELIVER, self._portal.name))
        self._workers = max(1, workers)
        if deliveries:
            self.delivering()
        self._be_together()

    def _heard(self, admission: Admission) -> None:
        self.view.heard(admission, self._clock())
        self._metrics.heard(admission)

    def _be_open(self) -> None:
        if shut_s := self.shut_for_s:
            reason = Reason(self.view.why) if self.view.why in set(Reason) else Reason.PORTAL_THROTTLED
            raise PausedError(reason, round(shut_s * 1000))

    def _draw(self, *, search: bool) -> float:
        if self._clock() < self._redis_again_s:
            return self._by_ourselves()
        key, limit = (self._search_key, SEARCHES) if search else (self._key, self.limit)
        try:
            admission = self._accounting.draw(key, limit, 1, patience_us=LONGEST_WAIT_US)
        except QueueUnavailableError as error:
            self._redis_again_s = self._clock() + REDIS_AGAIN_SECONDS
            self._say_alone(error)
            return self._by_ourselves()
        self._be_together()
        if not search:
            self.view.heard(admission, self._clock())
        if not admission.uses:
            self._be_open()
            raise PausedError(Reason.RECORDS_LATE, max(1, admission.wait_us // 1000))  # no pause: there are too many of us
        self._metrics.taken.inc()
        return self._clock() + admission.first_us / 1e6

    def _payable_since_s(self) -> float:
        return self._clock() - self.limit.lateness_s

    # -- while Redis is away

    def _by_ourselves(self) -> float:
        with self._lock:
            if self._alone is None:
                self._alone = LocalPace(Limit(self.limit.calls / self._workers), clock=self._clock)
            return self._clock() + self._alone.reserve()

    def _say_alone(self, error: Exception) -> None:
        if self._alone is None:
            self._metrics.alone.set(1)
            log.warning("portal %s: %s; this worker calls at one %dth of the limit meanwhile", self._portal.name, error, self._workers)

    def _be_together(self) -> None:
        with self._lock:
            was, self._alone = self._alone, None
        if was is not None:
            self._metrics.alone.set(0)
            log.info("portal %s: the budget is shared again", self._portal.name)

    def _tell(self, tell: Callable[[], Answer]) -> Answer | None:
        """What Redis can't be told others find out by themselves."""
        try:
            return tell()
        except QueueUnavailableError as error:
            log.debug("portal %s: %s", self._portal.name, error)
            return None
