"""What the contents of a run come from, and what a language model took for them."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Beside the run's row, which is held by every finish: contents are counted while others deliver.
COUNTS = """
CREATE TABLE content_counts (
    simulation_id uuid PRIMARY KEY REFERENCES simulations (id) ON DELETE CASCADE,
    from_model integer NOT NULL DEFAULT 0,      -- records in `contents`, by source
    from_faker integer NOT NULL DEFAULT 0,
    tokens bigint NOT NULL DEFAULT 0,           -- that the model said it used
    tokens_reserved bigint NOT NULL DEFAULT 0   -- for calls under way, and for those of which nobody knows what they took
) WITH (fillfactor = 50)
"""


def upgrade() -> None:
    op.execute(COUNTS)


def downgrade() -> None:
    op.execute("DROP TABLE content_counts")
