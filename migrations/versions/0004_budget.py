"""How many calls each HubSpot account had on each of its days."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

USAGE = """
CREATE TABLE portal_usage (
    account_id bigint NOT NULL,
    day date NOT NULL,                 -- in the account's time zone
    calls bigint NOT NULL,
    PRIMARY KEY (account_id, day)
)
"""


def upgrade() -> None:
    op.execute(USAGE)


def downgrade() -> None:
    op.execute("DROP TABLE portal_usage")
