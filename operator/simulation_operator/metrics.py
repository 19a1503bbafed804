"""What the operator tells Prometheus."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Made once in main.py and passed down; a test gives it a registry of its own."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.queue_depth = Gauge("simulation_operator_queue_depth", "Simulations that wait for a reconcile", registry=registry)
        self.reconciles = Counter(
            "simulation_operator_reconciles_total", "Decisions that reconciles carried out", ["action"], registry=registry
        )
        self.failures = Counter("simulation_operator_reconcile_failures_total", "Reconciles that failed", ["error"], registry=registry)
        self.writes = Counter(
            "simulation_operator_api_writes_total", "Writes to the API server by kind and outcome", ["kind", "outcome"], registry=registry
        )
        self.limiter_wait = Histogram(
            "simulation_operator_limiter_wait_seconds", "How long a write waited for its turn",
            buckets=(0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30), registry=registry,
        )  # fmt: skip
        self.leader = Gauge("simulation_operator_leader", "1 while this process holds the lock", registry=registry)
        self.phases = Gauge("simulation_operator_simulations", "Simulations by phase", ["phase"], registry=registry)
        self.workers_wanted = Gauge("simulation_operator_workers_wanted", "Replicas last decided", ["reason"], registry=registry)
        self.resyncs = Counter("simulation_operator_resyncs_total", "Complete lists taken in", registry=registry)
        self.watched = Counter(
            "simulation_operator_watch_events_total",
            "What the watch brought, and the list that it begins with",
            registry=registry,
        )
