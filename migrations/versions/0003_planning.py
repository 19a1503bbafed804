"""Large plans in partitions of their own, what a plan asks of its portal, missed records, and what retention removed."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = ("unfinished", "claimed", "waiting")

# The rows stay where they are: the table becomes the partition that all runs share, below a parent of the same form.
PARTITIONED = (
    "ALTER TABLE batches RENAME TO batches_shared",
    "ALTER INDEX batches_pkey RENAME TO batches_shared_pkey",
    *(f"ALTER INDEX batches_{index} RENAME TO batches_shared_{index}" for index in INDEXES),
    "CREATE TABLE batches (LIKE batches_shared INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY LIST (simulation_id)",
    "ALTER TABLE batches ADD PRIMARY KEY (simulation_id, number)",
    "CREATE INDEX batches_unfinished ON batches (simulation_id, offset_ms) WHERE state <> 2",
    "CREATE INDEX batches_claimed ON batches (simulation_id, lease_until) WHERE state = 1",
    "CREATE INDEX batches_waiting ON batches (simulation_id, not_before) WHERE state = 0 AND not_before IS NOT NULL",
    "ALTER TABLE batches ATTACH PARTITION batches_shared DEFAULT",
    # each batch leaves two dead versions and retention removes whole runs: by default autovacuum would wait for a fifth of the table
    "ALTER TABLE batches_shared SET (autovacuum_vacuum_scale_factor = 0.05)",
)

# Retention finds the errors of tries that came to nothing by it; the index of those that are final exists.
ERRORS_INDEX = "CREATE INDEX record_errors_tries ON record_errors (simulation_id, id) WHERE NOT final"

# The shift is the claim's: a run may be shifted while a batch is delivered, and its lateness is judged by the time it was due at.
COLUMNS = (
    "ALTER TABLE batches ADD COLUMN claimed_shift_ms bigint",
    # what this plan asks of its portal: simulation_core.plan.load.Load and the advice that goes with it, camelCase
    "ALTER TABLE simulations ADD COLUMN load jsonb NOT NULL DEFAULT '{}'",
    # spec.missedRecords: Skip. Batches due at or before this moment that were never begun are skipped, and never claimed
    "ALTER TABLE simulations ADD COLUMN skip_until timestamptz",
    # retention removed the batches and what was recorded about single records; the counts stay
    "ALTER TABLE simulations ADD COLUMN purged_at timestamptz",
)

UNPARTITIONED = (
    "ALTER TABLE batches DETACH PARTITION batches_shared",
    # a plan that had a partition of its own moves into the shared table
    """
    DO $$ DECLARE part regclass; BEGIN
        FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'batches'::regclass LOOP
            EXECUTE format('INSERT INTO batches_shared SELECT * FROM %s', part);
        END LOOP;
    END $$
    """,
    "DROP TABLE batches",
    # what an interrupted making of a partition left
    """
    DO $$ DECLARE leftover text; BEGIN
        FOR leftover IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relname ~ '^batches_[0-9a-f]{32}$' LOOP
            EXECUTE format('DROP TABLE %s', leftover);
        END LOOP;
        FOR leftover IN SELECT conname FROM pg_constraint WHERE conrelid = 'batches_shared'::regclass AND conname LIKE 'without\\_%' LOOP
            EXECUTE format('ALTER TABLE batches_shared DROP CONSTRAINT %I', leftover);
        END LOOP;
    END $$
    """,
    "ALTER TABLE batches_shared RESET (autovacuum_vacuum_scale_factor)",
    "ALTER TABLE batches_shared RENAME TO batches",
    "ALTER INDEX batches_shared_pkey RENAME TO batches_pkey",
    *(f"ALTER INDEX batches_shared_{index} RENAME TO batches_{index}" for index in INDEXES),
    "DROP INDEX record_errors_tries",
    "ALTER TABLE batches DROP COLUMN claimed_shift_ms",
    *(f"ALTER TABLE simulations DROP COLUMN {column}" for column in ("load", "skip_until", "purged_at")),
)


def upgrade() -> None:
    for statement in (*PARTITIONED, ERRORS_INDEX, *COLUMNS):
        op.execute(statement)


def downgrade() -> None:
    for statement in UNPARTITIONED:
        op.execute(statement)
