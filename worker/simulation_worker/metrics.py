"""What a worker counts. Built once in main.py; names and labels are documented by their help texts."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

LATENESS_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class Lateness(Collector):
    """A histogram in seconds that takes many values at once: thousands of records a second are observed, in groups."""

    def __init__(self, name: str, documentation: str, registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._edges_ms = np.array(LATENESS_SECONDS) * 1000
        self._counts = np.zeros(len(LATENESS_SECONDS) + 1, dtype=np.int64)
        self._sum_s = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe_ms(self, values_ms: Sequence[int]) -> None:
        """What is early counts as 0."""
        late_ms = np.maximum(np.asarray(values_ms, dtype=np.int64), 0)
        counts = np.bincount(np.searchsorted(self._edges_ms, late_ms), minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum_s += float(late_ms.sum()) / 1000

    def collect(self) -> Iterator[HistogramMetricFamily]:
        with self._lock:
            cumulated, sum_s = np.cumsum(self._counts).tolist(), self._sum_s
        buckets = list(zip([*map(str, map(float, LATENESS_SECONDS)), "+Inf"], cumulated, strict=True))
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=sum_s)


class Metrics:
    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.records = Counter("simulation_worker_records", "Records by what became of them in an attempt", ["outcome"], registry=registry)
        self.jobs = Counter("simulation_worker_jobs", "Jobs by how they ended", ["ending"], registry=registry)
        self.start_lateness = Lateness(
            "simulation_worker_job_start_lateness_seconds", "From a batch's due time to its first claim, by Postgres's clock", registry
        )
        self.lateness = Lateness("simulation_worker_record_lateness_seconds", "From a record's own due time to HubSpot's answer", registry)
        self.calls = Counter(
            "simulation_worker_hubspot_calls", "Calls to HubSpot; status 0: no answer", ["portal", "status"], registry=registry
        )
        self.errands = Counter(
            "simulation_worker_errands",
            "Attempts at errands (prepare, verify, archive) by how they ended",
            ["kind", "ending"],
            registry=registry,
        )
        self.fences_lost = Counter(
            "simulation_worker_fences_lost", "Batches whose claim was lost before they were finished", registry=registry
        )
        self.held = Gauge("simulation_worker_portal_held", "1 while the portal is left alone", ["portal"], registry=registry)
