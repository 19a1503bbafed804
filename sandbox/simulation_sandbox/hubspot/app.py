"""The routes: which path leads to which handler, and what an app must have been granted to take it."""

from __future__ import annotations

from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from simulation_sandbox.hubspot import account_api, associations_api, inspection, objects_api, properties_api, reference_api
from simulation_sandbox.hubspot.answers import ApiError, not_found
from simulation_sandbox.hubspot.gate import Gate, Handler, World
from simulation_sandbox.hubspot.inspection import Look
from simulation_sandbox.hubspot.limits import Limits
from simulation_sandbox.hubspot.paths import VERSIONS, PathVersion

READ = ("crm.objects.{type}.read",)
WRITE = ("crm.objects.{type}.write",)
SCHEMA_READ = ("crm.schemas.{type}.read", "crm.schemas.{type}.write", "crm.objects.{type}.read")
SCHEMA_WRITE = ("crm.schemas.{type}.write",)

Entry = tuple[str, str, Handler, tuple[str, ...]]


def _objects(version: PathVersion) -> list[Entry]:
    base = version.objects + "/{objectType}"
    return [
        ("POST", base + "/batch/upsert", objects_api.batch_upsert, WRITE),
        ("POST", base + "/batch/create", objects_api.batch_create, WRITE),
        ("POST", base + "/batch/update", objects_api.batch_update, WRITE),
        ("POST", base + "/batch/read", objects_api.batch_read, READ),
        ("POST", base + "/batch/archive", objects_api.batch_archive, WRITE),
        ("GET", base, objects_api.page, READ),
        ("POST", base, objects_api.create, WRITE),
        ("GET", base + "/{objectId}", objects_api.read, READ),
        ("PATCH", base + "/{objectId}", objects_api.update, WRITE),
        ("DELETE", base + "/{objectId}", objects_api.archive, WRITE),
    ]


def _associations(version: PathVersion) -> list[Entry]:
    base = version.associations + "/{fromObjectType}/{toObjectType}"
    return [
        ("POST", base + "/batch/create", associations_api.batch_create, WRITE),
        ("POST", base + "/batch/read", associations_api.batch_read, READ),
        ("POST", base + "/batch/archive", associations_api.batch_archive, WRITE),
        ("GET", base + "/labels", associations_api.labels, READ),
    ]


def _properties(version: PathVersion) -> list[Entry]:
    base = version.properties + "/{objectType}"
    return [
        ("POST", base + "/batch/create", properties_api.batch_create, SCHEMA_WRITE),
        ("POST", base + "/batch/read", properties_api.batch_read, SCHEMA_READ),
        ("GET", base + "/groups", properties_api.groups, SCHEMA_READ),
        ("POST", base + "/groups", properties_api.create_group, SCHEMA_WRITE),
        ("GET", base + "/groups/{groupName}", properties_api.read_group, SCHEMA_READ),
        ("PATCH", base + "/groups/{groupName}", properties_api.update_group, SCHEMA_WRITE),
        ("DELETE", base + "/groups/{groupName}", properties_api.archive_group, SCHEMA_WRITE),
        ("GET", base, properties_api.listed, SCHEMA_READ),
        ("POST", base, properties_api.create, SCHEMA_WRITE),
        ("GET", base + "/{propertyName}", properties_api.read, SCHEMA_READ),
        ("PATCH", base + "/{propertyName}", properties_api.update, SCHEMA_WRITE),
        ("DELETE", base + "/{propertyName}", properties_api.archive, SCHEMA_WRITE),
    ]


def _account(version: PathVersion) -> list[Entry]:
    return [
        ("GET", version.account + "/details", account_api.details, ()),
        ("GET", version.account + "/api-usage/daily/private-apps", account_api.daily_usage, ()),
    ]


def _reference(version: PathVersion) -> list[Entry]:
    one_pipeline = version.pipelines + "/{objectType}/{pipelineId}"
    return [
        ("GET", version.owners + "/", reference_api.owners, ("crm.objects.owners.read",)),  # so the SDK asks
        ("GET", version.owners, reference_api.owners, ("crm.objects.owners.read",)),
        ("GET", version.owners + "/{ownerId}", reference_api.owner, ("crm.objects.owners.read",)),
        ("GET", version.pipelines + "/{objectType}", reference_api.pipelines, SCHEMA_READ),
        ("GET", one_pipeline, reference_api.pipeline, SCHEMA_READ),
        ("GET", one_pipeline + "/stages", reference_api.stages, SCHEMA_READ),
    ]


def _inspection(world: World) -> list[Route]:
    looks = [
        ("GET", "/objects/{objectType}", inspection.objects),
        ("GET", "/associations", inspection.list_associations),
        ("GET", "/summary", inspection.summary),
        ("GET", "/newest", inspection.newest),
        ("GET", "/faults", inspection.list_faults),
        ("POST", "/faults", inspection.add_fault),
        ("DELETE", "/faults", inspection.clear_faults),
        ("POST", "/reset", inspection.reset),
        ("POST", "/accounts", inspection.register),
    ]
    return [Route("/_emulator" + path, Look(world, handler).__call__, methods=[method]) for method, path, handler in looks]


async def _page(_: Request) -> HTMLResponse:
    return HTMLResponse(files(__package__).joinpath("page.html").read_text("utf-8"))


async def _unknown(request: Request, problem: Exception) -> JSONResponse:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    refusal = not_found(f"{request.method} {request.url.path} is not a path of this API") if status == 404 else None
    refusal = refusal or ApiError(status, "METHOD_NOT_ALLOWED", f"{request.method} is not allowed here")
    return JSONResponse(refusal.answer().body, status)


def create_app(limits: Limits | None = None, *, world: World | None = None) -> Starlette:
    """The emulator as an ASGI app. `world` is its state, for who wants to keep it across restarts."""
    world = world or World(limits or Limits())
    parts = (_objects, _associations, _properties, _account, _reference)
    entries = [entry for version in VERSIONS for part in parts for entry in part(version)]
    calls = [Route(path, Gate(world, handler, path, scopes), methods=[method]) for method, path, handler, scopes in entries]
    return Starlette(routes=[Route("/", _page), *_inspection(world), *calls], exception_handlers={HTTPException: _unknown})
