"""The portals, put together from what may be read: their configuration, the Simulations on them, a worker's metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from simulation_cli.drawing.terminal import table
from simulation_cli.resource import ClusterSimulation
from simulation_cli.summary import NOTHING
from simulation_core.portals import TIERS, Portal, parse_portals
from simulation_core.reasons import Reason

CALLS_TODAY = "simulation_worker_budget_calls_today"
TROUBLES = frozenset(
    {
        Reason.PORTAL_UNKNOWN,
        Reason.PORTAL_UNAVAILABLE,
        Reason.PORTAL_THROTTLED,
        Reason.DAILY_LIMIT_REACHED,
        Reason.CREDENTIAL_REJECTED,
        Reason.SCOPE_MISSING,
        Reason.ACCOUNT_TYPE_REFUSED,
        Reason.PROPERTY_UNUSABLE,
        Reason.CIRCUIT_OPEN,
    }
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of one portal."""

    name: str
    configured: Portal | None  # None: it isn't, or the configuration can't be read
    account_id: int | None = None
    account_type: str | None = None
    live: int = 0  # Simulations on it that haven't ended
    trouble: str | None = None  # why it isn't served, in words
    calls_today: int | None = None

    @property
    def calls_left_today(self) -> int | None:
        if self.configured is None or self.calls_today is None:
            return None
        return max(0, self.configured.calls_per_day - self.calls_today)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "configured": None if self.configured is None else self.configured.model_dump(by_alias=True, exclude={"name"}),
            "accountId": self.account_id,
            "accountType": self.account_type,
            "liveSimulations": self.live,
            "trouble": self.trouble,
            "callsToday": self.calls_today,
            "callsLeftToday": self.calls_left_today,
        }


def known(files: Iterable[str], simulations: Iterable[ClusterSimulation], calls_today: Mapping[str, int]) -> list[Known]:
    """By name. Raises PortalsError where a file can't be read by this version."""
    configured = {name: portal for text in files for name, portal in parse_portals(text).items()}
    on: dict[str, list[ClusterSimulation]] = {}
    for simulation in simulations:
        on.setdefault(str(simulation.spec.get("portal", "default")), []).append(simulation)
    return [_known(name, configured.get(name), on.get(name, []), calls_today.get(name)) for name in sorted({*configured, *on})]


def _known(name: str, configured: Portal | None, on: list[ClusterSimulation], calls_today: int | None) -> Known:
    account = _account(on)
    live = [simulation for simulation in on if not simulation.ended]
    troubles = [condition for simulation in live if (condition := simulation.condition("Progressing")).get("reason") in TROUBLES]
    return Known(
        name=name,
        configured=configured,
        account_id=account.get("accountId"),
        account_type=account.get("accountType"),
        live=len(live),
        trouble=f"{troubles[0]['reason']}: {troubles[0].get('message', '')}" if troubles else None,
        calls_today=calls_today,
    )


def _account(on: Iterable[ClusterSimulation]) -> Mapping[str, Any]:
    """As the newest knows it, of those that still go on if there are any: an end keeps the account of its day."""
    know = [each for each in on if (each.status.get("portal") or {}).get("accountId") is not None]
    newest = max(know, key=lambda each: (not each.ended, each.created_ms), default=None)
    return {} if newest is None else newest.status["portal"]


def calls_today_of(metrics: str) -> dict[str, int]:
    """Calls of each portal's account since its midnight, from a worker's metrics."""
    families = text_string_to_metric_families(metrics)
    return {sample.labels["portal"]: int(sample.value) for family in families for sample in family.samples if sample.name == CALLS_TODAY}


def as_lines(portals: Iterable[Known]) -> list[str]:
    rows = [_row(portal) for portal in portals]
    head = ("PORTAL", "TIER", "CALLS/10S", "CALLS/DAY", "LEFT TODAY", "NAMESPACES", "ACCOUNT", "TYPE", "LIVE", "TROUBLE")
    return table([head, *rows]) if rows else []


def _row(portal: Known) -> tuple[Any, ...]:
    limits = ("not seen", NOTHING, NOTHING, NOTHING, NOTHING)
    if (configured := portal.configured) is not None:
        left = NOTHING if portal.calls_left_today is None else portal.calls_left_today
        limits = (
            _tier(configured),
            str(configured.calls_per_ten_seconds),
            str(configured.calls_per_day),
            str(left),
            ",".join(configured.allowed_namespaces) or NOTHING,
        )
    account = (NOTHING if portal.account_id is None else portal.account_id, portal.account_type or NOTHING)
    return (portal.name, *limits, *account, portal.live, portal.trouble or NOTHING)


def _tier(portal: Portal) -> str:
    """None where the portal takes more calls than its tier does: then nobody named a tier, and this is only the default."""
    ten_seconds, day = TIERS[portal.tier]
    return portal.tier if portal.calls_per_ten_seconds <= ten_seconds and portal.calls_per_day <= day else NOTHING
