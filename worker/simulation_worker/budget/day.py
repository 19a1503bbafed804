"""The account's day: HubSpot counts all calls of an account's apps until its midnight, so we do too, in Postgres for all workers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from sqlalchemy import Engine

from simulation_core import zones
from simulation_core.ledger import usage

MORNING_SECONDS = 5  # after midnight: neither HubSpot's clock nor ours is exact


@dataclass(frozen=True)
class AccountZone:
    """Whose day, and where."""

    account_id: int
    zone: tzinfo


def zone_of(name: object, offset_ms: object) -> tzinfo:
    """As account-info says it: by its name, else by what it is off UTC now, else UTC."""
    if isinstance(name, str) and name in zones.names():
        return zones.zone(name)
    if isinstance(offset_ms, int) and abs(offset_ms) < 24 * 3_600_000:
        return timezone(timedelta(milliseconds=offset_ms))
    return UTC


def until_midnight_ms(zone: tzinfo, now: datetime) -> int:
    """To the account's next one, a little past it. A day may have 23 or 25 hours."""
    local = now.astimezone(zone)
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), tzinfo=zone)
    return round((midnight.astimezone(UTC) - now).total_seconds() * 1000) + MORNING_SECONDS * 1000


class Day:
    """Counts here, and adds it up in Postgres now and then: one row an account and day."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._account: AccountZone | None = None
        self._lock = threading.Lock()
        self._uncounted = 0
        self._known: tuple[date | None, int] = (None, 0)  # the calls of all workers on that day, as of the last time

    def of_account(self, account_id: int, zone: tzinfo) -> None:
        self._account = AccountZone(account_id, zone)

    def count(self) -> None:
        with self._lock:
            self._uncounted += 1

    @property
    def calls(self) -> int:
        """Today's so far, as far as it is known here."""
        known = self._known[1] if self._account and self._known[0] == self._today(self._account) else 0
        return known + self._uncounted

    def write(self, engine: Engine) -> None:
        """Adds what was called since the last time. Raises LedgerUnavailableError; nothing is forgotten then."""
        if self._account is None:
            return
        today = self._today(self._account)
        with self._lock:
            calls, self._uncounted = self._uncounted, 0
        try:
            self._known = (today, usage.add(engine, self._account.account_id, today, calls))
        except BaseException:
            with self._lock:
                self._uncounted += calls
            raise

    def left_ms(self) -> int | None:
        """Until it ends, in the account's time zone. None: not known whose day it is."""
        return until_midnight_ms(self._account.zone, self._now()) if self._account else None

    def _today(self, account: AccountZone) -> date:
        return self._now().astimezone(account.zone).date()
