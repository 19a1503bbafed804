"""The versions of HubSpot's paths, in one place, and what else differs between them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PathVersion:
    objects: str
    associations: str
    object_associations: str  # of one object
    properties: str
    owners: str
    pipelines: str
    account: str
    partly_failed: int | None  # the status of a batch of which some inputs failed; None: that of a batch without failures
    associated: int  # the status of a batch of associations made
    unlinked: int  # the status of a batch of associations removed: 204, or 200 with a body that says nothing
    properties_created: int
    older_calls: bool  # merging, GDPR deletion and the list of one object's associations: not in the documents of the dated paths


V3 = PathVersion(
    objects="/crm/v3/objects",
    associations="/crm/v4/associations",
    object_associations="/crm/v4/objects",
    properties="/crm/v3/properties",
    owners="/crm/v3/owners",
    pipelines="/crm/v3/pipelines",
    account="/account-info/v3",
    partly_failed=207,
    associated=201,
    unlinked=204,
    properties_created=201,
    older_calls=True,
)

# The published documents of this version know no 207: a batch that failed in part says so in its body alone.
DATED = PathVersion(
    objects="/crm/objects/2026-09",
    associations="/crm/associations/2026-09",
    object_associations="/crm/objects/2026-09",
    properties="/crm/properties/2026-09",
    owners="/crm/owners/2026-09",
    pipelines="/crm/pipelines/2026-09",
    account="/account-info/2026-09",
    partly_failed=None,
    associated=200,
    unlinked=200,
    properties_created=200,
    older_calls=False,
)

VERSIONS = (V3, DATED)
