"""Going on with a run, and changing what is wanted of it: never both at once, and in the order of asking.

Claims, renewals, skips and retries share a run until they commit. Who suspends, resumes, cancels, deletes, judges, publishes, fails or
purges it holds it alone: so a change waits for the claims under way, and those that come later see it. These are advisory locks because
they form a queue. Locks on rows don't: who asks to share a row that others share gets it at once, past a change that waits for all of them,
and a run that many claim without a pause would never be suspended.

In the one order: control rows by simulation id come first, then runs are shared or held, then come batches, simulations.
"""

# ruff: noqa: S608 - only constants are put into statements; values are always bound

from __future__ import annotations

from sqlalchemy import text

# Runs have few locks among them, because Postgres has room for 64 a connection (max_locks_per_transaction) and a group of claims may span
# hundreds of runs. So a change may make claims of other runs wait as well, for the milliseconds it takes.
_LOCKS = 64
# Apart from the locks of ledger.leader and ledger.locks, which are named by one number: "runs" as bytes.
_KIND = int.from_bytes(b"runs")

# Guarantees: until this transaction ends nobody changes what is wanted of these runs. Ordered, so that groups can't deadlock.
SHARE_RUNS = f"""
SELECT pg_advisory_xact_lock_shared({_KIND}, lock)
FROM (SELECT DISTINCT uuid_hash(id) & {_LOCKS - 1} AS lock FROM unnest(CAST(:simulations AS uuid[])) AS id ORDER BY lock) locks
"""

# Guarantees: until this transaction ends nothing of the run is claimed, renewed or skipped, and nobody else changes what is wanted of it.
# What was waited for is seen by the statements after it. The row comes first: workers of an older version share it, and whoever waited for
# them with the lock in hand would hold up the newer ones' claims of all runs under it. Nobody asks for a row who shares a run already.
HOLD_RUN = text(f"""
WITH held AS MATERIALIZED (SELECT simulation_id FROM simulation_control WHERE simulation_id = :id FOR NO KEY UPDATE)
SELECT pg_advisory_xact_lock({_KIND}, uuid_hash(CAST(:id AS uuid)) & {_LOCKS - 1}) FROM (SELECT count(*) FROM held) AS found
""")
