"""What the scheduler counts. Built once in main.py; names and labels are documented by their help texts."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from simulation_core.queue.scheduler import Moved


class Metrics:
    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.offered = Counter(
            "simulation_scheduler_offered",
            "Jobs put into Redis: batches that are upcoming or overdue, errands",
            ["what"],
            registry=registry,
        )
        self.moved = Counter(
            "simulation_scheduler_jobs",
            "Due jobs by what became of them: moved to their queue, dropped (cancelled), held (left to the ledger), stock",
            ["what"],
            registry=registry,
        )
        self.queued = Gauge("simulation_scheduler_queued", "Jobs waiting in a portal's queue", ["portal"], registry=registry)
        self.judged = Counter(
            "simulation_scheduler_missed",
            "Times records of a run were missed and its plan changed, by reason",
            ["reason"],
            registry=registry,
        )
        self.skipped = Counter("simulation_scheduler_records_skipped", "Missed records that were skipped", registry=registry)
        self.queue_losses = Counter(
            "simulation_scheduler_queue_losses", "Times Redis was found emptied or fallen back to an older state", registry=registry
        )
        self.problems = Counter("simulation_scheduler_problems", "Ticks that could not be done, by reason", ["reason"], registry=registry)
        self.tick_seconds = Histogram("simulation_scheduler_tick_seconds", "How long a dispatcher's tick took", registry=registry)
        self.eviction_unsafe = Gauge(
            "simulation_scheduler_redis_may_evict", "1 while Redis's maxmemory-policy is not noeviction", registry=registry
        )

    def count_moved(self, moved: Moved) -> None:
        for what, count in (("moved", moved.moved), ("dropped", moved.dropped), ("held", moved.held), ("stock", moved.stock)):
            if count:
                self.moved.labels(what).inc(count)
