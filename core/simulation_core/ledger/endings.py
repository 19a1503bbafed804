"""How outcomes are counted and a run ends: the same words for all that moves counters, so that they can't judge differently.

For an UPDATE of `simulations s` FROM `m` (delivered, failed, skipped: how many records left PENDING in this statement) and the run's
`simulation_control c`.
"""

from __future__ import annotations

ALLOWED = "coalesce((s.spec #>> '{failurePolicy,maxFailedPercent}')::integer, 0)"
EXCEEDS = f"(s.records_failed + m.failed)::bigint * 100 > s.total_records::bigint * {ALLOWED}"
STOPS_EARLY = f"(coalesce((s.spec #>> '{{failurePolicy,stopEarly}}')::boolean, false) AND {EXCEEDS})"
ENDS = (
    "((s.records_processed + s.records_failed + s.records_skipped + m.delivered + m.failed + m.skipped = s.total_records"
    f" OR {STOPS_EARLY}) AND s.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED') AND c.run_state IN ('RUNNING', 'SUSPENDED'))"
)

# Guarantees: what ended stays ended; a run ends in the statement that counts its last outcome, as its failure policy says by then, or
# where that wants it stopped early in the one that counts a failure too many. What is being delivered then is still counted.
# :exceeded is Reason.FAILURE_POLICY_EXCEEDED.
COUNT_AND_END = f"""
           records_processed = s.records_processed + m.delivered,
           records_failed = s.records_failed + m.failed,
           records_skipped = s.records_skipped + m.skipped,
           status = CASE WHEN {ENDS} THEN CASE WHEN {EXCEEDS} THEN 'FAILED' ELSE 'COMPLETED' END
                         WHEN s.status = 'QUEUED' THEN 'RUNNING' ELSE s.status END,
           reason = CASE WHEN {ENDS} AND {EXCEEDS} THEN :exceeded ELSE s.reason END,
           message = CASE WHEN {ENDS} AND {EXCEEDS} THEN
               format('%s of %s records failed, more than the %s %% of failurePolicy.maxFailedPercent; see status.failures.',
                      s.records_failed + m.failed, s.total_records, {ALLOWED}) ELSE s.message END,
           started_at = coalesce(s.started_at, statement_timestamp()),
           finished_at = CASE WHEN {ENDS} THEN statement_timestamp() ELSE s.finished_at END,
           updated_at = statement_timestamp()
"""
