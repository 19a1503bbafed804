"""The ledger: users where the database has none, simulations, their control rows, batches, and what is recorded about records."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# How a later statement, and the downgrade, know the users table as ours.
USERS_MARK = "created by simulation-operator"

SIMULATIONS = """
CREATE TABLE simulations (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    status text NOT NULL
        CHECK (status IN ('PLANNING', 'QUEUED', 'RUNNING', 'SUSPENDED', 'COMPLETED', 'FAILED', 'CANCELLED')),
    start_time timestamptz,            -- NULL: suspended since its creation, resolved at the first resume
    end_time timestamptz,
    scenario text NOT NULL,
    distribution_method text NOT NULL,
    total_records integer NOT NULL CHECK (total_records > 0),
    records_processed integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    records_failed integer NOT NULL DEFAULT 0,
    records_skipped integer NOT NULL DEFAULT 0,
    namespace text NOT NULL,
    name text NOT NULL,
    seed bigint NOT NULL,
    portal text NOT NULL,
    spec jsonb NOT NULL,               -- camelCase, defaults filled in
    plan_version integer NOT NULL,
    tolerance_milliseconds integer NOT NULL,
    shift_milliseconds bigint NOT NULL DEFAULT 0,
    reason text,                       -- why it FAILED
    message text,
    accepted_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    started_at timestamptz,            -- the first claim
    finished_at timestamptz,
    deleted_at timestamptz,
    batches_stored integer NOT NULL DEFAULT 0,   -- the watermark of an interrupted planning
    batches_total integer,             -- NULL: not published yet
    peak_per_minute integer NOT NULL DEFAULT 0,
    objects jsonb NOT NULL DEFAULT '{}',
    planned integer[] NOT NULL DEFAULT array_fill(0, ARRAY[40]),
    delivered integer[] NOT NULL DEFAULT array_fill(0, ARRAY[40]),
    lateness integer[] NOT NULL DEFAULT '{}',
    CHECK (records_processed >= 0 AND records_failed >= 0 AND records_skipped >= 0
           AND records_processed + records_failed + records_skipped <= total_records)
) WITH (fillfactor = 50)               -- counters are updated in place (HOT)
"""

CONTROL = """
CREATE TABLE simulation_control (
    simulation_id uuid PRIMARY KEY REFERENCES simulations (id) ON DELETE CASCADE,
    run_state text NOT NULL CHECK (run_state IN ('RUNNING', 'SUSPENDED', 'CANCELLED', 'DELETED')),
    changed_at timestamptz NOT NULL DEFAULT statement_timestamp()
)
"""

# No foreign key: a million of its checks cost more than storing the rows, and one function writes them.
BATCHES = """
CREATE TABLE batches (
    simulation_id uuid NOT NULL,
    number integer NOT NULL,
    first_record integer NOT NULL,
    offset_ms bigint NOT NULL,         -- the LAST record's, from the start: when the batch is due
    record_offsets integer[] NOT NULL, -- per record, milliseconds before offset_ms
    state smallint NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)),   -- PENDING, CLAIMED, DONE
    attempt integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    not_before timestamptz,
    crashes smallint NOT NULL DEFAULT 0,
    outcomes smallint[],               -- per record: 0 PENDING, 1 DELIVERED, 2 FAILED, 3 SKIPPED. NULL: nothing finished yet
    tries smallint[],                  -- per record
    delivered_offsets bigint[],        -- per record, milliseconds from the start, NULL until delivered
    crm_ids jsonb,                     -- {"<index in the batch>.<role>": "<HubSpot id>"}
    PRIMARY KEY (simulation_id, number),
    CHECK ((state = 1) = (lease_until IS NOT NULL))
) WITH (fillfactor = 80)
"""

BATCHES_INDEXES = (
    "CREATE INDEX batches_unfinished ON batches (simulation_id, offset_ms) WHERE state <> 2",
    "CREATE INDEX batches_claimed ON batches (simulation_id, lease_until) WHERE state = 1",
    "CREATE INDEX batches_waiting ON batches (simulation_id, not_before) WHERE state = 0 AND not_before IS NOT NULL",
)

RECORD_ERRORS = """
CREATE TABLE record_errors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    simulation_id uuid NOT NULL,
    record integer NOT NULL,
    attempt integer NOT NULL,
    final boolean NOT NULL,            -- the record FAILED with it; else it was one try
    reason text NOT NULL,
    message text NOT NULL,
    correlation_id text,
    occurred_at timestamptz NOT NULL DEFAULT statement_timestamp()
)
"""

CONTENTS = """
CREATE TABLE contents (
    simulation_id uuid NOT NULL,
    record integer NOT NULL,
    content jsonb NOT NULL,
    source text NOT NULL,
    tokens integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (simulation_id, record)
)
"""

DELTAS = """
CREATE TABLE deltas (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    simulation_id uuid NOT NULL,
    buckets smallint[] NOT NULL,       -- per delivered record, which of the 40 parts of the window it fell into
    lateness smallint[] NOT NULL       -- per delivered record, its bucket of the lateness histogram
)
"""


def upgrade() -> None:
    if op.get_bind().scalar(text("SELECT to_regclass('users') IS NULL")):
        op.execute("CREATE TABLE users (id uuid PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT statement_timestamp())")
        op.execute(f"COMMENT ON TABLE users IS '{USERS_MARK}'")
    op.execute(SIMULATIONS)
    op.execute(CONTROL)
    op.execute(BATCHES)
    for index in BATCHES_INDEXES:
        op.execute(index)
    op.execute(RECORD_ERRORS)
    op.execute("CREATE INDEX record_errors_last ON record_errors (simulation_id, id) WHERE final")
    op.execute(CONTENTS)
    op.execute(DELTAS)


def downgrade() -> None:
    for table in ("deltas", "contents", "record_errors", "batches", "simulation_control", "simulations"):
        op.execute(f"DROP TABLE {table}")
    ours = op.get_bind().scalar(text("SELECT obj_description(to_regclass('users'), 'pg_class') = :mark"), {"mark": USERS_MARK})
    if ours:
        op.execute("DROP TABLE users")
