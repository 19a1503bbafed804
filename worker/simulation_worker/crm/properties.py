"""Content → HubSpot's property names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from simulation_core.content.values import Company, Contact
from simulation_worker.crm.setup import ID, NAME
from simulation_worker.crm.writes import Object


@dataclass(frozen=True)
class Marks:
    """By what a simulation's records are found again in HubSpot: filters, lists, clean-up."""

    simulation_id: UUID
    namespace: str
    name: str

    @property
    def properties(self) -> Mapping[str, str]:
        return {ID: str(self.simulation_id), NAME: f"{self.namespace}/{self.name}"}


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
    return Object(company.key, {**values, **marks.properties})


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
    return Object(contact.key, {**{name: value for name, value in values.items() if value is not None}, **marks.properties})
