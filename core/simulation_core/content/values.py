"""What a record says: frozen values that know nothing of where they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Company:
    """One company. Its domain is reserved (RFC 2606) and carries the record's key: unique, and nobody's."""

    key: str  # `<simulation>-<record>-c`
    name: str
    domain: str
    industry: str  # in words, such as "Computer Software"
    description: str
    city: str
    employees: int
    annual_revenue: int  # in the account's currency
    owner_id: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)  # the user's own, by HubSpot's name

    @property
    def website(self) -> str:
        return f"https://{self.domain}"


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One person, at a company or (B2C) alone. The e-mail's local part carries the key, so it is unique and leads nowhere."""

    key: str  # `<simulation>-<record>-p<n>`
    first_name: str
    last_name: str
    email: str
    phone: str
    city: str
    job_title: str | None  # None: a consumer
    company_name: str | None
    owner_id: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Deal:
    """One deal, on the record's company and its first contact."""

    key: str  # `<simulation>-<record>-d`
    name: str
    amount: int  # in the account's currency
    pipeline: str
    stage: str | None  # None: the pipeline's first
    won: bool  # True: the pipeline's stage for deals that are won, whatever `stage` says
    closes_ms: int  # when it was won, or is expected to be
    owner_id: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that one primary record brings with it: B2B a company and its contacts, B2C one contact; either may have a deal."""

    number: int
    company: Company | None
    contacts: tuple[Contact, ...]
    deal: Deal | None = None
