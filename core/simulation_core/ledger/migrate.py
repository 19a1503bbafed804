"""The process `simulation-migrate`: brings the database to this build's schema. Running it twice at once is fine."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from simulation_core.errors import LedgerUnavailableError, SettingsError
from simulation_core.ledger.engine import create_ledger_engine, unavailability_named
from simulation_core.ledger.revisions import alembic_config

_URL_VARIABLE = "SIMULATION_DATABASE_URL"
# Any fixed number that nothing else in this database locks: "simulatn" as bytes.
_MIGRATION_LOCK = int.from_bytes(b"simulatn") & (2**63 - 1)


def upgrade(url: str, revision: str = "head") -> None:
    """To `revision`; what is already there stays. Waits for another migration under way."""
    _migrate(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str = "base") -> None:
    """Back to `revision`, deleting what later revisions made. A users table that we did not create stays."""
    _migrate(url, lambda config: command.downgrade(config, revision))


def _migrate(url: str, run: Callable[[Config], None]) -> None:
    engine = create_ledger_engine(url, application_name="simulation-migrate", pool_size=1)
    try:
        with unavailability_named(), engine.connect() as connection, _alone(connection):
            config = alembic_config()
            config.attributes["connection"] = connection
            run(config)
    finally:
        engine.dispose()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """A session lock, so that it outlasts the migration's own transaction; a second migration then finds everything done."""
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _MIGRATION_LOCK})
        connection.commit()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="simulation-migrate", description=f"Bring the database at {_URL_VARIABLE} to this build's schema."
    )
    parser.add_argument("--to", metavar="REVISION", default="head", help="stop at this revision [head]")
    parser.add_argument("--down", action="store_true", help="go back to --to, or to an empty schema; deletes what was recorded")
    arguments = parser.parse_args()
    try:
        url = _database_url()
        if arguments.down:
            downgrade(url, "base" if arguments.to == "head" else arguments.to)
        else:
            upgrade(url, arguments.to)
    except (SettingsError, LedgerUnavailableError) as error:
        sys.exit(f"simulation-migrate: {error}")


def _database_url() -> str:
    # The only setting this process has: it runs where Redis and portals may not exist yet.
    url = os.environ.get(_URL_VARIABLE, "")
    if not url.startswith(("postgresql://", "postgres://")):
        raise SettingsError(f"{_URL_VARIABLE} must be set to a postgresql:// URL")
    return url


if __name__ == "__main__":
    main()
