"""The versions of HubSpot's paths, in this one place. v1 to v3 end in September 2027; the dated paths replace them here."""

from __future__ import annotations

OBJECTS = "/crm/v3/objects"
ASSOCIATIONS = "/crm/v4/associations"
PROPERTIES = "/crm/v3/properties"
OWNERS = "/crm/v3/owners"
PIPELINES = "/crm/v3/pipelines"
ACCOUNT = "/account-info/v3"


def upsert(object_type: str) -> str:
    return f"{OBJECTS}/{object_type}/batch/upsert"


def read(object_type: str) -> str:
    return f"{OBJECTS}/{object_type}/batch/read"


def associate(from_type: str, to_type: str) -> str:
    return f"{ASSOCIATIONS}/{from_type}/{to_type}/batch/create"


def properties(object_type: str) -> str:
    return f"{PROPERTIES}/{object_type}"


def property_groups(object_type: str) -> str:
    return f"{PROPERTIES}/{object_type}/groups"


def owners(after: str | None) -> str:
    return f"{OWNERS}?limit=500" + (f"&after={after}" if after else "")


def pipelines(object_type: str) -> str:
    return f"{PIPELINES}/{object_type}"


def account_details() -> str:
    return f"{ACCOUNT}/details"
