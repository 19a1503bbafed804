"""The page of metrics, made of what each process says about its own at /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from simulation_operator.metrics import Metrics as OperatorMetrics
from simulation_operator.scheduler.metrics import Metrics as SchedulerMetrics
from simulation_worker.metrics import Metrics as WorkerMetrics

PROCESSES: Mapping[str, Callable[[CollectorRegistry], Any]] = {
    "operator": OperatorMetrics,
    "scheduler": SchedulerMetrics,
    "worker": WorkerMetrics,
}

HEADER = """# Metrics

Generated from the metrics' own help texts. Every pod of the chart serves them for Prometheus at port 8080 under `/metrics`
(`networkPolicy.metricsFrom` says who may read them), with those of the process itself (`process_…`, `python_…`) beside them. They count
since the process began. No label holds a Simulation's name or anything secret.

What an administrator may want to be told of:

| when | it means |
|---|---|
"""

ALARMS = (
    ("the sum of `simulation_operator_leader` isn't 1 for minutes", "nobody plans or shows anything: the operators' logs say why"),
    (
        "`simulation_operator_resyncs_total` stands still for five minutes",
        "the API server can't be listed; the liveness probe starts the operator again",
    ),
    (
        "`simulation_operator_watch_events_total` stands still while Simulations run",
        "the watch stalls: changes are found by lists alone, within a minute or so",
    ),
    ("`simulation_scheduler_redis_may_evict` is 1", "Redis may throw jobs away: set its `maxmemory-policy` to `noeviction`"),
    ("`simulation_scheduler_queue_losses_total` grows", "Redis was emptied or fell back; nothing is lost, but find out why"),
    (
        "`simulation_worker_circuit_state` is 2, or `simulation_worker_portal_held` is 1",
        "HubSpot doesn't answer, or refuses the token: the Simulations' conditions say which",
    ),
    (
        "the 99th percentile of `simulation_worker_record_lateness_seconds` grows",
        "more is planned than the portal's limits or the workers allow",
    ),
    ("`simulation_worker_fences_lost_total` grows", "workers are frozen or starved for longer than a lease"),
)


def metrics_page() -> str:
    alarms = "".join(f"| {when} | {means} |\n" for when, means in ALARMS)
    return HEADER + alarms + "".join(f"\n## {process}\n\n{''.join(_rows(made))}" for process, made in PROCESSES.items())


def _rows(made: Callable[[CollectorRegistry], Any]) -> Iterator[str]:
    yield "| metric | kind | labels | what it says |\n|---|---|---|---|\n"
    registry = _Recording()
    made(registry)
    for collector in registry.collectors:
        labels = ", ".join(f"`{name}`" for name in getattr(collector, "_labelnames", ()))  # else seen only once there is a value for them
        for family in collector.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |\n"


class _Recording(CollectorRegistry):
    """Keeps what is registered, in that order."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        self.collectors.append(collector)
        super().register(collector)
