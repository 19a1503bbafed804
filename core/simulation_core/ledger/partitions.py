"""A partition of its own for a large plan, so that a million finished batches leave by one DROP TABLE and bloat nothing.

Attaching a partition makes Postgres prove that the default partition, which all other runs share, holds none of its rows: by reading all
of it under ACCESS EXCLUSIVE, unless a valid CHECK says so already. So that constraint is made first, in steps that hold up nobody:

1. the table is created, unattached and empty, so that nothing of its own is read when it is attached;
2. batches_shared gets CHECK (simulation_id <> this run) NOT VALID: an instant of ACCESS EXCLUSIVE;
3. VALIDATE CONSTRAINT reads batches_shared beside all claims and finishes (SHARE UPDATE EXCLUSIVE);
4. the table is attached without a scan and the constraint dropped, in one transaction: an instant again.

Each step is its own transaction and finds what an interrupted earlier attempt left. One process at a time does this, under an advisory
lock, so whatever a new attempt finds unfinished is a leftover. A wait for ACCESS EXCLUSIVE makes everyone else wait behind it: it is
bounded by lock_timeout, and tried again.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from simulation_core.ledger.locks import PATIENCE, Driver, Patience, alone, under_lock

_log = logging.getLogger(__name__)

OWN_PARTITION_BATCHES = 1_000_000
"""A plan of as many batches or more gets a partition of its own."""

_CONSTRAINT_PREFIX = "without_"

# The form of the parent as it is now, whatever an older version left under this name (an unattached table is always empty).
_CREATE = sql.SQL("""
CREATE TABLE {own} (LIKE batches INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE)
WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)
""")
# Guarantees: from its commit on no row of this run enters batches_shared. Leftovers go in the same instant.
_EXCLUDE = sql.SQL("ALTER TABLE batches_shared {drops} ADD CONSTRAINT {without} CHECK (simulation_id <> {id}) NOT VALID")
# Guarantees: batches_shared holds no row of this run, else CheckViolation.
_VALIDATE = sql.SQL("ALTER TABLE batches_shared VALIDATE CONSTRAINT {without}")
_ATTACH = sql.SQL("ALTER TABLE batches ATTACH PARTITION {own} FOR VALUES IN ({id})")
_DROP_CONSTRAINT = sql.SQL("ALTER TABLE batches_shared DROP CONSTRAINT IF EXISTS {without}")
_DROP_TABLE = sql.SQL("DROP TABLE {own}")

_IS_ATTACHED = "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = to_regclass('batches') AND inhrelid = to_regclass(%s))"
_EXISTS = "SELECT to_regclass(%s) IS NOT NULL"
_IS_SHARED = "SELECT EXISTS (SELECT FROM batches_shared WHERE simulation_id = %s)"
_LEFTOVERS = "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass('batches_shared') AND starts_with(conname, %s) ORDER BY 1"


def name_of(id: UUID) -> str:  # noqa: A002 - the column's name
    """The partition of this run, should it have one."""
    return f"batches_{id.hex}"


def is_attached(driver: Driver, id: UUID) -> bool:  # noqa: A002
    """Whether the run has a partition of its own."""
    return bool(_ask(driver, _IS_ATTACHED, name_of(id)))


def ensure(
    engine: Engine,
    id: UUID,  # noqa: A002
    *,
    batches: int,
    threshold: int = OWN_PARTITION_BATCHES,
    patience: Patience = PATIENCE,
) -> bool:
    """Before storing: makes the partition for a plan of `threshold` batches or more. Whether the run has one now. Repeating it is harmless.

    A run that has rows in the shared partition stays there, and so does one whose database user may not make tables. Raises
    LedgerBusyError where others held the locks all the time.
    """
    if batches < threshold:
        return False
    with alone(engine) as driver:
        try:
            return _ensure(driver, id, patience)
        except psycopg.errors.InsufficientPrivilege as error:
            _log.warning("simulation %s shares a partition with others, for the database user may not make one: %s", id, error)
            with suppress(psycopg.errors.InsufficientPrivilege):
                _undo(driver, id, patience)
            return False


def drop(engine: Engine, id: UUID, *, patience: Patience = PATIENCE) -> bool:  # noqa: A002
    """Removes the run's partition with all its batches, and what an interrupted `ensure` left. Whether there was a table to remove.

    Raises LedgerBusyError as `ensure` does.
    """
    with alone(engine) as driver:
        _drop_constraint(driver, id, patience)
        return _drop_table(driver, id, patience)


def _ensure(driver: Driver, id: UUID, patience: Patience) -> bool:  # noqa: A002
    if is_attached(driver, id):
        return True
    if _ask(driver, _IS_SHARED, id):
        return False
    try:
        for step in (_create, _exclude, _validate, _attach):
            step(driver, id, patience)
    except psycopg.errors.CheckViolation:  # rows were stored meanwhile, by a process that made no partition
        _undo(driver, id, patience)
        return False
    return True


def _create(driver: Driver, id: UUID, patience: Patience) -> None:  # noqa: A002
    _drop_table(driver, id, patience)
    with driver.transaction():
        driver.execute(_filled(_CREATE, id))


def _exclude(driver: Driver, id: UUID, patience: Patience) -> None:  # noqa: A002
    with driver.transaction():
        leftovers = [name for (name,) in driver.execute(_LEFTOVERS, [_CONSTRAINT_PREFIX]).fetchall()]
    drops = sql.Composed([sql.SQL("DROP CONSTRAINT {},").format(sql.Identifier(name)) for name in leftovers])
    under_lock(driver, patience, _filled(_EXCLUDE, id, drops=drops))


def _validate(driver: Driver, id: UUID, patience: Patience) -> None:  # noqa: A002
    under_lock(driver, patience, _filled(_VALIDATE, id))


def _attach(driver: Driver, id: UUID, patience: Patience) -> None:  # noqa: A002
    under_lock(driver, patience, _filled(_ATTACH, id), _filled(_DROP_CONSTRAINT, id))


def _undo(driver: Driver, id: UUID, patience: Patience) -> None:  # noqa: A002
    """Back to sharing."""
    _drop_table(driver, id, patience)
    _drop_constraint(driver, id, patience)


def _drop_table(driver: Driver, id: UUID, patience: Patience) -> bool:  # noqa: A002
    """Of an attached partition this takes ACCESS EXCLUSIVE on all of `batches`, for an instant; of an unattached table on nothing else."""
    exists = bool(_ask(driver, _EXISTS, name_of(id)))
    if exists:
        under_lock(driver, patience, _filled(_DROP_TABLE, id))
    return exists


def _drop_constraint(driver: Driver, id: UUID, patience: Patience) -> None:  # noqa: A002
    """Asks before it locks."""
    if _ask(driver, _LEFTOVERS, _constraint_of(id)):
        under_lock(driver, patience, _filled(_DROP_CONSTRAINT, id))


def _constraint_of(id: UUID) -> str:  # noqa: A002
    return f"{_CONSTRAINT_PREFIX}{id.hex}"


def _filled(statement: sql.SQL, id: UUID, **more: sql.Composable) -> sql.Composed:  # noqa: A002
    names = {"own": sql.Identifier(name_of(id)), "without": sql.Identifier(_constraint_of(id)), "id": sql.Literal(id)}
    return statement.format(**names, **more)


def _ask(driver: Driver, question: str, *values: object) -> object:
    """The first column of the first row; None without rows."""
    with driver.transaction():
        row = driver.execute(question.encode(), values).fetchone()
    return None if row is None else row[0]
