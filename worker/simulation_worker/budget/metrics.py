"""What is counted of budgets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from simulation_core.queue.admission import Admission
from simulation_core.reasons import Reason

CLOSED, TRYING, OPEN = 0, 1, 2


class BudgetMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"simulation_worker_{name}", text, ["portal"], registry=registry)

        self.limit = gauge("budget_calls_per_ten_seconds", "What the budget allows all workers together")
        self.alone = gauge("budget_alone", "1 while Redis is away and this worker paces itself")
        self.circuit = gauge("circuit_state", "0 closed, 1 trying whether HubSpot answers again, 2 open")
        self.calls_today = gauge("budget_calls_today", "Calls since the account's midnight, of all workers and portals of the account")
        self.tokens = Counter(
            "simulation_worker_budget_tokens", "Calls by what became of their token", ["portal", "what"], registry=registry
        )
        self.waited = Counter(
            "simulation_worker_budget_wait_seconds", "How long calls waited for their moment", ["portal"], registry=registry
        )
        self.pauses = Counter("simulation_worker_portal_pauses", "Pauses this worker asked of all", ["portal", "reason"], registry=registry)

    def of(self, portal: str) -> PortalBudgetMetrics:
        return PortalBudgetMetrics(self, portal)


class PortalBudgetMetrics:
    """Those of one portal."""

    def __init__(self, metrics: BudgetMetrics, portal: str) -> None:
        self.limit = metrics.limit.labels(portal)
        self.alone = metrics.alone.labels(portal)
        self.taken = metrics.tokens.labels(portal, "taken")
        self.given_back = metrics.tokens.labels(portal, "given back")
        self.waited = metrics.waited.labels(portal)
        self._metrics = metrics
        self._portal = portal
        self.circuit_closed()

    def pause(self, reason: Reason) -> None:
        self._metrics.pauses.labels(self._portal, reason.value).inc()

    def circuit_open(self) -> None:
        self._metrics.circuit.labels(self._portal).set(OPEN)

    def circuit_closed(self) -> None:
        self._metrics.circuit.labels(self._portal).set(CLOSED)

    def heard(self, admission: Admission) -> None:
        is_open = admission.shut_us and admission.why == Reason.CIRCUIT_OPEN
        self._metrics.circuit.labels(self._portal).set(TRYING if admission.trying else OPEN if is_open else CLOSED)
