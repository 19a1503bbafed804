"""Companies that HubSpot makes by itself: one for the domain of a new contact's e-mail, if the account is set so."""

from __future__ import annotations

from simulation_sandbox.hubspot.associations import associate
from simulation_sandbox.hubspot.object_types import ASSOCIATION_TYPES
from simulation_sandbox.hubspot.records import Record, Records

FREE_MAIL = frozenset({"gmail.com", "googlemail.com", "yahoo.com", "outlook.com", "hotmail.com", "icloud.com", "gmx.de", "web.de"})
_CONTACT_TO_COMPANY = [ASSOCIATION_TYPES[279], ASSOCIATION_TYPES[1]]


class DomainCompanies:
    """Finds the company of a domain, or makes it. Which domains there are is read from the records as they come."""

    def __init__(self, companies: Records) -> None:
        self._companies = companies
        self._of_domain: dict[str, Record] = {}
        self._seen = 0

    def adopt(self, contact: Record, now_ms: int) -> None:
        """Joins a new contact to the company of its domain."""
        domain = contact.properties.get("email", "").rpartition("@")[2]
        if not domain or domain in FREE_MAIL:
            return
        self._read_on()
        company = self._of_domain.get(domain)
        if company is None or company.id not in self._companies.live:
            company = self._companies.create({"domain": domain, "name": domain}, now_ms)
        associate(contact, company, _CONTACT_TO_COMPANY)

    def _read_on(self) -> None:
        """What was created since the last time, newest first."""
        newest = self._seen
        for record in reversed(self._companies.live.values()):
            if int(record.id) <= self._seen:
                break
            newest = max(newest, int(record.id))
            if domain := record.properties.get("domain"):
                self._of_domain[domain.lower()] = record
        self._seen = newest
