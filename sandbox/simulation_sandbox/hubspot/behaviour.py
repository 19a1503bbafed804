"""What may be switched while the emulator runs: habits of HubSpot's that a test wants to see, or wants out of its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulation_sandbox.hubspot.answers import Json, invalid

SEARCH_LAG_MS = 1_000


@dataclass
class Behaviour:
    """Of all accounts alike."""

    search_lag_ms: int = SEARCH_LAG_MS  # how long a search doesn't know yet of a write
    companies_from_domains: bool = False  # whether a new contact gets a company by the domain of its e-mail

    def as_json(self) -> Json:
        return {"searchLagMilliseconds": self.search_lag_ms, "companiesFromDomains": self.companies_from_domains}

    def change(self, wanted: dict[str, Any]) -> None:
        """Only what is named changes."""
        lag, companies = (
            wanted.get("searchLagMilliseconds", self.search_lag_ms),
            wanted.get("companiesFromDomains", self.companies_from_domains),
        )
        if type(lag) is not int or lag < 0 or not isinstance(companies, bool):
            raise invalid("searchLagMilliseconds is a number from 0, companiesFromDomains true or false")
        if unknown := sorted(set(wanted) - set(self.as_json())):
            raise invalid(f"no such behaviour: {', '.join(unknown)} (there are {', '.join(self.as_json())})")
        self.search_lag_ms, self.companies_from_domains = lag, companies
