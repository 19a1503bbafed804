"""The runs that haven't ended have an index of their own: the scheduler asks for them several times a second, beside all that have."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of `status` alone: what is counted on a run leaves the index as it is (a heap-only update).
    op.execute("CREATE INDEX simulations_not_ended ON simulations (id) WHERE status IN ('PLANNING', 'QUEUED', 'RUNNING', 'SUSPENDED')")


def downgrade() -> None:
    op.execute("DROP INDEX simulations_not_ended")
