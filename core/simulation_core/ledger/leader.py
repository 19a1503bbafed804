"""Being the only one: a Postgres session lock on a connection of its own, never pooled and never through a transaction pooler."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import psycopg
from sqlalchemy import make_url

from simulation_core.ledger.engine import KEEPALIVES, server_options, unavailability_named


class SessionLock:
    """The lock named `key`, held as long as its connection lives. A vanished holder's lock is freed when Postgres notices (keepalives)."""

    def __init__(self, url: str, key: str) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], signed=True)
        self._key = key
        self._connection: psycopg.Connection[Any] | None = None
        self._guard = threading.Lock()

    def acquire(self, timeout: float) -> bool:
        """Waits up to `timeout` seconds; False when another holds it. Raises LedgerUnavailableError when Postgres is away."""
        if self.held():
            return True
        with unavailability_named():
            connection = self._lock(timeout)  # outside the guard: held() answers meanwhile
        with self._guard:
            self._connection = connection
        return connection is not None

    def held(self) -> bool:
        """Asks Postgres over the connection that holds it. False: stop at once what needs the lock."""
        with self._guard:
            if self._connection is None:
                return False
            if not self._answers(self._connection):
                self._drop()
                return False
            return True

    def release(self) -> None:
        with self._guard:
            self._drop()

    def _lock(self, timeout: float) -> psycopg.Connection[Any] | None:
        name = f"lock {self._key}"
        connection = psycopg.connect(self._url, autocommit=True, application_name=name, options=server_options(), **KEEPALIVES)
        try:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", [str(max(1, round(timeout * 1000)))])
            connection.execute("SELECT pg_advisory_lock(%s)", [self._number])
        except psycopg.errors.LockNotAvailable:
            connection.close()
            return None
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    def _answers(connection: psycopg.Connection[Any]) -> bool:
        try:
            connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
