"""The versions of HubSpot's paths, in this one place. v1 to v3 end in September 2027; the dated paths replace them here."""

from __future__ import annotations

OBJECTS = "/crm/v3/objects"
ASSOCIATIONS = "/crm/v4/associations"
PROPERTIES = "/crm/v3/properties"
ACCOUNT = "/account-info/v3"


def upsert(object_type: str) -> str:
    return f"{OBJECTS}/{object_type}/batch/upsert"


def read(object_type: str) -> str:
    return f"{OBJECTS}/{object_type}/batch/read"


def archive(object_type: str) -> str:
    return f"{OBJECTS}/{object_type}/batch/archive"


def search(object_type: str) -> str:
    return f"{OBJECTS}/{object_type}/search"


def associate(from_type: str, to_type: str) -> str:
    return f"{ASSOCIATIONS}/{from_type}/{to_type}/batch/create"


def properties(object_type: str) -> str:
    return f"{PROPERTIES}/{object_type}"


def property_groups(object_type: str) -> str:
    return f"{PROPERTIES}/{object_type}/groups"


def account_details() -> str:
    return f"{ACCOUNT}/details"
