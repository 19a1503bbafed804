"""The scheduler process: the dispatcher that offers what is due soon from the ledger to Redis, and rq-scheduler's loop that moves due jobs."""
