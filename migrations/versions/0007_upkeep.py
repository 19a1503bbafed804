"""How many records the last retry tried again; a purge that was begun is gone on with, and nothing is retried meanwhile."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE simulations ADD COLUMN retried_records integer",
    "ALTER TABLE simulations ADD COLUMN purging_at timestamptz",  # when retention began to remove its batches
    # What is open of one run and kind: of a language model's pages, hundreds of thousands are done.
    "CREATE INDEX errands_open_of_run ON errands (simulation_id, kind) WHERE state <> 2",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX errands_open_of_run")
    op.execute("ALTER TABLE simulations DROP COLUMN purging_at")
    op.execute("ALTER TABLE simulations DROP COLUMN retried_records")
