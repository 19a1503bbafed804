"""rq-scheduler and RQ: queue names, job ids and the scheduler that moves due jobs. The only place that knows rq-scheduler.

What is in Redis follows from the ledger and may vanish at any moment; nothing here is a source of truth.
"""
