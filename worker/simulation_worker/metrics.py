"""What a worker counts. Built once in main.py; names and labels are documented by their help texts."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

LATENESS_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class Metrics:
    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.records = Counter("simulation_worker_records", "Records by what became of them in an attempt", ["outcome"], registry=registry)
        self.jobs = Counter("simulation_worker_jobs", "Jobs by how they ended", ["ending"], registry=registry)
        self.start_lateness = Histogram(
            "simulation_worker_job_start_lateness_seconds",
            "From a batch's due time to its first claim, by Postgres's clock",
            buckets=LATENESS_SECONDS,
            registry=registry,
        )
        self.lateness = Histogram(
            "simulation_worker_record_lateness_seconds",
            "From a record's own due time to HubSpot's answer",
            buckets=LATENESS_SECONDS,
            registry=registry,
        )
        self.calls = Counter(
            "simulation_worker_hubspot_calls", "Calls to HubSpot; status 0: no answer", ["portal", "status"], registry=registry
        )
        self.fences_lost = Counter(
            "simulation_worker_fences_lost", "Batches whose claim was lost before they were finished", registry=registry
        )
        self.held = Gauge("simulation_worker_portal_held", "1 while the portal is left alone", ["portal"], registry=registry)
