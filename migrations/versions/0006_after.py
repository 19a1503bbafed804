"""Errands: what workers do for a run besides delivering it. Which retry of failed records was carried out last."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ERRANDS = """
CREATE TABLE errands (
    simulation_id uuid NOT NULL REFERENCES simulations (id) ON DELETE CASCADE,
    kind text NOT NULL,                -- a kinds.Kind
    number integer NOT NULL DEFAULT 0, -- which part of the run, for kinds that take it in parts
    token text NOT NULL DEFAULT '',    -- which wish of the user's it carries out
    state smallint NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)),   -- PENDING, CLAIMED, DONE
    attempt integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT statement_timestamp(),
    lease_until timestamptz,
    crashes smallint NOT NULL DEFAULT 0,
    progress jsonb NOT NULL DEFAULT '{}',   -- where whoever claims it next goes on
    result jsonb,                      -- of the last time it was done
    reason text,                       -- why the last attempt came to nothing: a reasons.Reason
    message text,
    asked_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    done_at timestamptz,
    PRIMARY KEY (simulation_id, kind, number),
    CHECK ((state = 1) = (lease_until IS NOT NULL))
) WITH (fillfactor = 70)               -- progress is updated in place
"""

STATEMENTS = (
    ERRANDS,
    "CREATE INDEX errands_open ON errands (kind, not_before) WHERE state <> 2",
    "ALTER TABLE simulations ADD COLUMN retry_token text",  # the last annotation that was acted on
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE simulations DROP COLUMN retry_token")
    op.execute("DROP TABLE errands")
