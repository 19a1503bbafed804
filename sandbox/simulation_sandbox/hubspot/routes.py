"""Which path leads to which handler, and what an app must have been granted to take it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from simulation_sandbox.hubspot import (
    account_api,
    associations_api,
    merging_api,
    objects_api,
    properties_api,
    reference_api,
    search_api,
)
from simulation_sandbox.hubspot.gate import Handler
from simulation_sandbox.hubspot.paths import VERSIONS, PathVersion

READ = ("crm.objects.{type}.read",)
WRITE = ("crm.objects.{type}.write",)
SCHEMA_READ = ("crm.schemas.{type}.read", "crm.schemas.{type}.write", "crm.objects.{type}.read")
SCHEMA_WRITE = ("crm.schemas.{type}.write",)
OWNERS_READ = ("crm.objects.owners.read",)


@dataclass(frozen=True)
class Entry:
    method: str
    path: str
    handler: Handler
    scopes: tuple[str, ...] = ()
    search: bool = False


def entries() -> Iterator[tuple[PathVersion, Entry]]:
    """Of all versions; of two that fit a call the first one counts."""
    for version in VERSIONS:
        for part in (_objects, _associations, _of_one_object, _properties, _groups, _account, _owners, _pipelines, _stages):
            for entry in part(version):
                yield version, entry


def _below(base: str, *found: Entry) -> list[Entry]:
    return [replace(entry, path=base + entry.path) for entry in found]


def _objects(version: PathVersion) -> list[Entry]:
    merging = [
        Entry("POST", "/contacts/gdpr-delete", merging_api.gdpr_delete, ("crm.objects.contacts.write",)),
        Entry("POST", "/{objectType}/merge", merging_api.merge, WRITE),
    ]
    return _below(
        version.objects,
        Entry("POST", "/{objectType}/batch/upsert", objects_api.batch_upsert, WRITE),
        Entry("POST", "/{objectType}/batch/create", objects_api.batch_create, WRITE),
        Entry("POST", "/{objectType}/batch/update", objects_api.batch_update, WRITE),
        Entry("POST", "/{objectType}/batch/read", objects_api.batch_read, READ),
        Entry("POST", "/{objectType}/batch/archive", objects_api.batch_archive, WRITE),
        Entry("POST", "/{objectType}/search", search_api.search, READ, search=True),
        *(merging if version.older_calls else ()),
        Entry("GET", "/{objectType}", objects_api.page, READ),
        Entry("POST", "/{objectType}", objects_api.create, WRITE),
        Entry("GET", "/{objectType}/{objectId}", objects_api.read, READ),
        Entry("PATCH", "/{objectType}/{objectId}", objects_api.update, WRITE),
        Entry("DELETE", "/{objectType}/{objectId}", objects_api.archive, WRITE),
    )


def _associations(version: PathVersion) -> list[Entry]:
    base = version.associations + "/{fromObjectType}/{toObjectType}"
    return [
        *_below(
            base,
            Entry("POST", "/batch/create", associations_api.batch_create, WRITE),
            Entry("POST", "/batch/associate/default", associations_api.batch_associate_default, WRITE),
            Entry("POST", "/batch/read", associations_api.batch_read, READ),
            Entry("POST", "/batch/archive", associations_api.batch_archive, WRITE),
            Entry("POST", "/batch/labels/archive", associations_api.batch_archive_labels, WRITE),
            Entry("GET", "/labels", associations_api.labels, READ),
        ),
        Entry("POST", version.associations + "/usage/high-usage-report/{userId}", associations_api.high_usage_report),
    ]


def _of_one_object(version: PathVersion) -> list[Entry]:
    every, one = "/associations/{toObjectType}", "/associations/{toObjectType}/{toObjectId}"
    listing = [Entry("GET", every, associations_api.linked_page, READ)]
    return _below(
        version.object_associations + "/{objectType}/{objectId}",
        Entry("PUT", "/associations/default/{toObjectType}/{toObjectId}", associations_api.put_default, WRITE),
        Entry("PUT", one, associations_api.put, WRITE),
        Entry("DELETE", one, associations_api.delete, WRITE),
        *(listing if version.older_calls else ()),
    )


def _properties(version: PathVersion) -> list[Entry]:
    return _below(
        version.properties + "/{objectType}",
        Entry("POST", "/batch/create", properties_api.batch_create, SCHEMA_WRITE),
        Entry("POST", "/batch/read", properties_api.batch_read, SCHEMA_READ),
        Entry("POST", "/batch/archive", properties_api.batch_archive, SCHEMA_WRITE),
        *_below(
            "/groups",
            Entry("GET", "", properties_api.groups, SCHEMA_READ),
            Entry("POST", "", properties_api.create_group, SCHEMA_WRITE),
        ),
        Entry("GET", "", properties_api.listed, SCHEMA_READ),
        Entry("POST", "", properties_api.create, SCHEMA_WRITE),
        Entry("GET", "/{propertyName}", properties_api.read, SCHEMA_READ),
        Entry("PATCH", "/{propertyName}", properties_api.update, SCHEMA_WRITE),
        Entry("DELETE", "/{propertyName}", properties_api.archive, SCHEMA_WRITE),
    )


def _groups(version: PathVersion) -> list[Entry]:
    return _below(
        version.properties + "/{objectType}/groups/{groupName}",
        Entry("GET", "", properties_api.read_group, SCHEMA_READ),
        Entry("PATCH", "", properties_api.update_group, SCHEMA_WRITE),
        Entry("DELETE", "", properties_api.archive_group, SCHEMA_WRITE),
    )


def _account(version: PathVersion) -> list[Entry]:
    return _below(
        version.account,
        Entry("GET", "/details", account_api.details),
        Entry("GET", "/api-usage/daily/private-apps", account_api.daily_usage),
    )


def _owners(version: PathVersion) -> list[Entry]:
    return _below(
        version.owners,
        Entry("GET", "/", reference_api.owners, OWNERS_READ),  # so the SDK asks
        Entry("GET", "", reference_api.owners, OWNERS_READ),
        Entry("GET", "/{ownerId}", reference_api.owner, OWNERS_READ),
    )


def _pipelines(version: PathVersion) -> list[Entry]:
    return _below(
        version.pipelines + "/{objectType}",
        Entry("GET", "", reference_api.pipelines, SCHEMA_READ),
        Entry("POST", "", reference_api.create_pipeline, SCHEMA_WRITE),
        Entry("GET", "/{pipelineId}", reference_api.pipeline, SCHEMA_READ),
        Entry("PATCH", "/{pipelineId}", reference_api.update_pipeline, SCHEMA_WRITE),
        Entry("PUT", "/{pipelineId}", reference_api.replace_pipeline, SCHEMA_WRITE),
        Entry("DELETE", "/{pipelineId}", reference_api.archive_pipeline, SCHEMA_WRITE),
        Entry("GET", "/{pipelineId}/audit", reference_api.audit, SCHEMA_READ),
    )


def _stages(version: PathVersion) -> list[Entry]:
    return _below(
        version.pipelines + "/{objectType}/{pipelineId}/stages",
        Entry("GET", "", reference_api.stages, SCHEMA_READ),
        Entry("POST", "", reference_api.create_stage, SCHEMA_WRITE),
        Entry("GET", "/{stageId}", reference_api.stage, SCHEMA_READ),
        Entry("PATCH", "/{stageId}", reference_api.update_stage, SCHEMA_WRITE),
        Entry("PUT", "/{stageId}", reference_api.replace_stage, SCHEMA_WRITE),
        Entry("DELETE", "/{stageId}", reference_api.archive_stage, SCHEMA_WRITE),
        Entry("GET", "/{stageId}/audit", reference_api.audit, SCHEMA_READ),
    )
