"""What workers know of portals: why one is not served now, and whose account it is."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PROBLEMS = """
CREATE TABLE portal_problems (
    portal text PRIMARY KEY,
    reason text NOT NULL,              -- a reasons.Reason
    message text NOT NULL,
    since timestamptz NOT NULL,        -- when this reason began
    until timestamptz NOT NULL         -- when it is looked at again
)
"""

ACCOUNTS = """
CREATE TABLE portal_accounts (
    portal text PRIMARY KEY,
    account_id bigint NOT NULL,
    account_type text NOT NULL,
    seen_at timestamptz NOT NULL
)
"""


def upgrade() -> None:
    op.execute(PROBLEMS)
    op.execute(ACCOUNTS)


def downgrade() -> None:
    op.execute("DROP TABLE portal_accounts")
    op.execute("DROP TABLE portal_problems")
