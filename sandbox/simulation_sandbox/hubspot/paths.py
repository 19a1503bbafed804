"""The versions of HubSpot's paths, in one place. A further version (such as the dated ones) is one more entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PathVersion:
    objects: str
    associations: str
    properties: str
    owners: str
    pipelines: str
    account: str


VERSIONS = (
    PathVersion(
        objects="/crm/v3/objects",
        associations="/crm/v4/associations",
        properties="/crm/v3/properties",
        owners="/crm/v3/owners",
        pipelines="/crm/v3/pipelines",
        account="/account-info/v3",
    ),
)
