"""Alembic's entry: runs revisions on the connection that simulation_core.ledger.migrate hands over, which holds the migration lock."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
