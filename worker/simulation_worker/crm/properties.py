"""Content → HubSpot's property names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from simulation_core.clock import iso_ms
from simulation_core.content.values import Company, Contact, Deal
from simulation_worker.crm.inputs import Object
from simulation_worker.crm.setup import ID, NAME
from simulation_worker.crm.wants import Stages


@dataclass(frozen=True)
class Marks:
    """By what a simulation's records are found again in HubSpot: filters, lists, clean-up."""

    simulation_id: UUID
    namespace: str
    name: str

    @property
    def properties(self) -> Mapping[str, str]:
        return {ID: str(self.simulation_id), NAME: self.full_name}

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


def company_object(company: Company, marks: Marks) -> Object:
    values = {
        "name": company.name,
        "domain": company.domain,
        "website": company.website,
        "industry": company.industry.upper().replace(" ", "_"),  # HubSpot's options are written like this
        "description": company.description,
        "city": company.city,
        "numberofemployees": str(company.employees),
        "annualrevenue": str(company.annual_revenue),
    }
    return _object(company, values, marks)


def contact_object(contact: Contact, marks: Marks) -> Object:
    values = {
        "email": contact.email,
        "firstname": contact.first_name,
        "lastname": contact.last_name,
        "phone": contact.phone,
        "city": contact.city,
        "jobtitle": contact.job_title,
        "company": contact.company_name,
    }
    return _object(contact, values, marks)


def deal_object(deal: Deal, marks: Marks, stages: Stages) -> Object:
    values = {
        "dealname": deal.name,
        "amount": str(deal.amount),
        "pipeline": deal.pipeline,
        "dealstage": stages.won if deal.won else stages.opened,
        "closedate": iso_ms(deal.closes_ms),
    }
    return _object(deal, values, marks)


def _object(each: Company | Contact | Deal, values: Mapping[str, str | None], marks: Marks) -> Object:
    """The user's own properties come last: whoever sets a property means it."""
    owner = {"hubspot_owner_id": each.owner_id}
    known = {name: value for name, value in {**values, **owner}.items() if value is not None}
    return Object(each.key, {**known, **each.properties, **marks.properties})
