"""Fragments that several statements share, so that each question is judged in the same words everywhere.

A moment inside SQL is timestamptz or bigint milliseconds since the epoch (names end in _ms). `statement_timestamp()`, never `now()`: the
latter is the transaction's start, and a claim that waited for a lock behind a long transaction would see the past.
"""

from __future__ import annotations

# smallint in `batches.state`: small rows, and literals in the partial indexes' predicates
PENDING, CLAIMED, DONE = 0, 1, 2


def to_ms(moment: str) -> str:
    """Milliseconds, rounded up: what lies a fraction of a millisecond ahead is still ahead."""
    return f"ceil(extract(epoch FROM {moment}) * 1000)::bigint"


def after_ms(milliseconds: str) -> str:
    """The moment that many milliseconds from this statement's start."""
    return f"statement_timestamp() + {milliseconds} * interval '1 millisecond'"


def to_ms_down(moment: str) -> str:
    """Milliseconds, rounded down: what is due at such a moment or before was due by then."""
    return f"floor(extract(epoch FROM {moment}) * 1000)::bigint"


# Rounded down: a moment that hasn't fully come is not due.
NOW_MS = to_ms_down("statement_timestamp()")

# What offset 0 of a plan is on the calendar. NULL while the start isn't resolved: such a run has nothing due.
ORIGIN_MS = f"({to_ms('s.start_time')} + s.shift_milliseconds)"

# Runs whose batches may be claimed. Needs `simulations s` and `simulation_control c`.
CLAIMABLE_RUN = "c.run_state = 'RUNNING' AND s.status IN ('QUEUED', 'RUNNING') AND s.start_time IS NOT NULL"

# A claim that still counts. Needs `batches b`.
UNEXPIRED_CLAIM = f"b.state = {CLAIMED} AND b.lease_until > statement_timestamp()"

# Nobody ever held it, so nothing of it is in the CRM: such a batch may be skipped. Needs `batches b`.
NEVER_BEGUN = f"b.state = {PENDING} AND b.attempt = 0"

# The offset up to which what was never begun is skipped; below any offset where nothing is. Needs `simulations s`.
SKIP_OFFSET_MS = f"coalesce({to_ms_down('s.skip_until')} - {ORIGIN_MS}, -1)"

# spec.missedRecords as it stands now. Needs `simulations s`.
MISSED_RECORDS = "coalesce(s.spec ->> 'missedRecords', 'CatchUp')"

# A batch that is looked up by its key and must be claimed. Not in the words of batches_claimed's predicate: that index is nearly empty
# whenever statistics are gathered, and Postgres would read all claims of all runs by it for each batch looked up. Needs `batches b`.
IS_CLAIMED = f"b.state + 0 = {CLAIMED}"

# A group of batches, run by run: see ledger.groups. Each run names its slice of the columns, so that nothing has to be joined by it.
GIVEN_RUNS = "unnest(CAST(:simulations AS uuid[]), CAST(:firsts AS integer[]), CAST(:lasts AS integer[])) AS r (id, first, last)"


def given(*columns: str) -> str:
    """For CROSS JOIN LATERAL behind GIVEN_RUNS. An array is shorter where the rest of it would be NULL; AS lines: see groups.lines."""
    return f"unnest({', '.join(f'({_as_array(each)})[r.first:r.last]' for each in columns)}) WITH ORDINALITY"


def _as_array(column: str) -> str:
    name, kind = column.split(" AS ")
    return f"string_to_array(:{name}, E'\\n', '')" if kind == "lines" else f"CAST(:{column})"


def taken_for_few(row: str) -> str:
    """Always true, but Postgres takes it for true of one row in 200.

    So it expects a group to be small and looks up each batch by its key, rather than read a whole partition to join it with the group:
    the plan is kept for good, also where it was made while the partition was nearly empty.
    """
    return f"{row}.number + 0 = {row}.number"


# A plan that was just stored has no statistics: Postgres would take it for small, and read and sort all of it for each statement.
IN_INDEX_ORDER = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off"
