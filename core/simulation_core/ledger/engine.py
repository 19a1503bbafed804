"""Connections to Postgres, and the one place where its absence becomes LedgerUnavailableError."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy import exc as sqlalchemy_errors
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from simulation_core.errors import LedgerUnavailableError, SettingsError
from simulation_core.ledger import revisions

# SQLSTATE classes and codes that say "not now", as against "not like this".
# 08 connection, 28 authorization, 3D no such database, 53 out of resources, 57P operator intervention, 25006 read only: a standby answered,
# 25P03 our own bound on idling in a transaction
_AWAY_CLASSES = ("08", "28", "3D", "53", "57P")
_AWAY_CODES = frozenset({"25006", "25P03"})

# A peer that vanished without a word is noticed within about 15 seconds, not two hours.
KEEPALIVES: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

# And Postgres notices a vanished client: until then the client's locks hold up everyone who wants the same rows.
SERVER_SETTINGS: Mapping[str, str] = {
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    # Every statement of the ledger has one right plan, whatever its values: rows by key or in index order, run by run. Left to itself
    # Postgres planned claims and finishes anew each time, which took as long as carrying them out, and longer with every partition.
    "plan_cache_mode": "force_generic_plan",
}


IDLE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """`current` is None in a database that was never migrated."""

    current: str | None
    needed: str

    @property
    def new_enough(self) -> bool:
        """A newer schema is fine: revisions only add within a version."""
        return self.current is not None and self.current >= self.needed


def create_ledger_engine(url: str, *, application_name: str, pool_size: int = 4) -> Engine:
    """An engine for postgresql:// URLs, READ COMMITTED, in UTC. Connects on first use, and again by itself after Postgres was away.

    Raises SettingsError for what isn't such a URL.
    """
    engine = create_engine(
        _parsed(url).set(drivername="postgresql+psycopg"),
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an error in a log shall not carry records or HubSpot's messages about them
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        connect_args={**KEEPALIVES, "application_name": application_name, "options": server_options()},
    )
    _ask_connections_that_were_idle(engine)
    return engine


def _ask_connections_that_were_idle(engine: Engine) -> None:
    """Whether they still answer. To ask each time, as the pool can, would be one round trip in four of a claim.

    One that broke a moment ago is noticed by the statement sent over it, like any other outage.
    """

    @event.listens_for(engine, "checkin")
    def _note(_: object, record: ConnectionPoolEntry) -> None:
        record.info["idle_since_s"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        if time.monotonic() - record.info.get("idle_since_s", 0.0) < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise sqlalchemy_errors.DisconnectionError from error  # the pool tries another one


def _parsed(url: str) -> URL:
    """Says nothing of the URL but what it should be: an unescaped password is taken for a port, and would be quoted."""
    parsed: URL | None = None
    with suppress(sqlalchemy_errors.ArgumentError, ValueError):
        parsed = make_url(url)
    if parsed is None or parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsError(
            "SIMULATION_DATABASE_URL is malformed: say postgresql://user:password@host:port/database, "
            "with %-escapes for special characters in user and password"
        )
    return parsed


def server_options() -> str:
    """For libpq's `options`."""
    return " ".join(f"-c {name}={value}" for name, value in SERVER_SETTINGS.items())


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One short transaction; commits at the end of the block. Raises LedgerUnavailableError when Postgres is away."""
    with unavailability_named(), engine.begin() as connection:
        yield connection


@contextmanager
def unavailability_named() -> Iterator[None]:
    """Turns errors that mean "Postgres is away" into LedgerUnavailableError; a mistake in a statement stays what it is."""
    try:
        yield
    except (sqlalchemy_errors.SQLAlchemyError, psycopg.Error) as error:
        if not means_away(error):
            raise
        raise LedgerUnavailableError(f"Postgres can't be reached or refused the connection: {_first_line(error)}") from error


def means_away(error: BaseException) -> bool:
    if isinstance(error, sqlalchemy_errors.TimeoutError):  # every pooled connection is busy
        return True
    if isinstance(error, sqlalchemy_errors.InvalidRequestError):  # none in the pool answers: a pooler is up, not Postgres
        return "connection is closed" in str(error)
    original = error.orig if isinstance(error, sqlalchemy_errors.DBAPIError) else error
    if not isinstance(original, psycopg.Error):
        return False
    if original.sqlstate is None:  # libpq itself: refused, reset, closed, timed out
        return isinstance(original, psycopg.OperationalError | psycopg.InterfaceError)
    return original.sqlstate.startswith(_AWAY_CLASSES) or original.sqlstate in _AWAY_CODES


def _first_line(error: BaseException) -> str:
    original = error.orig if isinstance(error, sqlalchemy_errors.DBAPIError) else error
    return (str(original).splitlines() or [type(original).__name__])[0]


def schema_state(engine: Engine) -> SchemaState:
    """Which revision the database has, and which this build needs."""
    with transaction(engine) as connection:
        migrated = connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
        current = connection.scalar(text("SELECT max(version_num) FROM alembic_version")) if migrated else None
    return SchemaState(current=current, needed=revisions.head())
