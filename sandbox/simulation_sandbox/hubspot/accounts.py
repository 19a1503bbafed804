"""HubSpot accounts (portals), the apps that may call them, and what each app was granted."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

from simulation_sandbox.hubspot.answers import Answer, missing_scopes, rate_limited, unauthenticated
from simulation_sandbox.hubspot.behaviour import Behaviour
from simulation_sandbox.hubspot.domain_companies import DomainCompanies
from simulation_sandbox.hubspot.limits import DAILY, SECONDLY, TEN_SECONDLY, Day, Limits, RollingWindow
from simulation_sandbox.hubspot.object_types import OBJECT_TYPES
from simulation_sandbox.hubspot.owners import Owners
from simulation_sandbox.hubspot.pipelines import Pipelines
from simulation_sandbox.hubspot.properties import Properties
from simulation_sandbox.hubspot.records import Records

DEFAULT_ACCOUNT_ID = 424242
REJECTED_TOKEN = "rejected"  # noqa: S105 — a token that opens nothing, on purpose
ACCOUNT_TYPES = ("APP_DEVELOPER", "DEVELOPER_TEST", "SANDBOX", "STANDARD")


class Account:
    """One portal: its objects, its properties, its owners and pipelines, its day."""

    def __init__(self, account_id: int, account_type: str, time_zone: str, ids: itertools.count[int], behaviour: Behaviour) -> None:
        self.id = account_id
        self.type = account_type
        self.time_zone = time_zone
        self.behaviour = behaviour
        self.day = Day(time_zone)
        self.searches = RollingWindow(seconds=1)
        self.owners = Owners()
        self.properties = {kind.name: Properties(kind, self.owners) for kind in OBJECT_TYPES.values()}
        self.pipelines = {kind.name: Pipelines(kind.name, self._offer_stages) for kind in OBJECT_TYPES.values()}
        self.objects = {
            kind.name: Records(kind, self.properties[kind.name], ids, self.pipelines[kind.name], behaviour)
            for kind in OBJECT_TYPES.values()
        }
        self.domain_companies = DomainCompanies(self.objects["companies"])

    def _offer_stages(self) -> None:
        """The pipelines and stages there are now are what a deal may have."""
        pipelines, offered = self.pipelines["deals"].by_id, self.properties["deals"].by_name
        offered["pipeline"].options = tuple(pipelines)
        offered["dealstage"].options = tuple(stage for pipeline in pipelines.values() for stage in pipeline.stages)


@dataclass
class App:
    """What a bearer token stands for."""

    account: Account
    limits: Limits
    scopes: frozenset[str] | None = None  # None: everything was granted
    window: RollingWindow = field(default_factory=RollingWindow)

    def refuse_over_limit(self, *, search: bool) -> Answer | None:
        """Counts the call; the 429 if it is one too many. Searches have a limit of their own, besides."""
        limits, day, searches = self.limits, self.account.day, self.account.searches
        if day.used() >= limits.calls_per_day:
            return self._too_many(DAILY, day.seconds_until_midnight())
        if search and searches.used() >= limits.searches_per_second:
            return self._too_many(SECONDLY, searches.seconds_until_free())
        if not self.window.take(limits.calls_per_ten_seconds):
            return self._too_many(TEN_SECONDLY, self.window.seconds_until_free())
        if search:
            searches.take(limits.searches_per_second)
        day.take(limits.calls_per_day)
        return None

    def _too_many(self, policy: str, wait_seconds: float) -> Answer:
        return rate_limited(policy, max(1, math.ceil(wait_seconds)) if self.limits.retry_after else None)

    def require(self, any_of: tuple[str, ...]) -> None:
        if any_of and self.scopes is not None and not self.scopes.intersection(any_of):
            raise missing_scopes(any_of)

    def rate_headers(self) -> dict[str, str]:
        limits = self.limits
        return {
            "X-HubSpot-RateLimit-Max": str(limits.calls_per_ten_seconds),
            "X-HubSpot-RateLimit-Remaining": str(max(0, limits.calls_per_ten_seconds - self.window.used())),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Daily": str(limits.calls_per_day),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, limits.calls_per_day - self.account.day.used())),
        }


class Accounts:
    """Any token opens the default account, each as an app of its own, unless it was registered or is "rejected"."""

    def __init__(self, limits: Limits, behaviour: Behaviour) -> None:
        self._limits = limits
        self._behaviour = behaviour
        self._ids = itertools.count(100_000_001)
        self.by_id: dict[int, Account] = {}
        self.apps: dict[str, App] = {}
        self._account(DEFAULT_ACCOUNT_ID, "DEVELOPER_TEST", "UTC")

    def authenticate(self, authorization: str) -> App:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthenticated("Authentication credentials not found. This API supports OAuth 2.0 authentication.")
        if token.strip() == REJECTED_TOKEN:
            raise unauthenticated("The access token is expired or invalid.")
        app = self.apps.get(token.strip())
        if app is None:
            app = self.apps[token.strip()] = App(self.by_id[DEFAULT_ACCOUNT_ID], self._limits)
        return app

    def register(
        self, token: str, account_id: int, account_type: str, *, scopes: list[str] | None, limits: Limits | None, time_zone: str
    ) -> App:
        """Replaces what the token stood for. The account keeps its objects if it exists already."""
        account = self._account(account_id, account_type, time_zone)
        app = self.apps[token] = App(account, limits or self._limits, None if scopes is None else frozenset(scopes))
        return app

    def _account(self, account_id: int, account_type: str, time_zone: str) -> Account:
        account = self.by_id.get(account_id)
        if account is None:
            account = self.by_id[account_id] = Account(account_id, account_type, time_zone, self._ids, self._behaviour)
        account.type = account_type
        return account
