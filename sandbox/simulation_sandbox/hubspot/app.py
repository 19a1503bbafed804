"""The emulator as one app: HubSpot's paths, what an outsider may look at and set, and the page."""

from __future__ import annotations

from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from simulation_sandbox.hubspot import inspection
from simulation_sandbox.hubspot.answers import ApiError, not_found
from simulation_sandbox.hubspot.gate import Gate, World
from simulation_sandbox.hubspot.inspection import Look
from simulation_sandbox.hubspot.limits import Limits
from simulation_sandbox.hubspot.routes import entries


def _inspection(world: World) -> list[Route]:
    looks = [
        ("GET", "/objects/{objectType}", inspection.objects),
        ("GET", "/associations", inspection.list_associations),
        ("GET", "/summary", inspection.summary),
        ("GET", "/newest", inspection.newest),
        ("GET", "/faults", inspection.list_faults),
        ("POST", "/faults", inspection.add_fault),
        ("POST", "/faults/mix", inspection.add_mix),
        ("DELETE", "/faults", inspection.clear_faults),
        ("GET", "/plan", inspection.plan),
        ("POST", "/plan", inspection.set_plan),
        ("DELETE", "/plan", inspection.drop_plan),
        ("POST", "/reset", inspection.reset),
        ("POST", "/restore/{objectType}", inspection.restore),
        ("GET", "/behaviour", inspection.behaviour),
        ("POST", "/behaviour", inspection.change_behaviour),
        ("POST", "/accounts", inspection.register),
    ]
    return [Route("/_emulator" + path, Look(world, handler).__call__, methods=[method]) for method, path, handler in looks]


async def _page(_: Request) -> HTMLResponse:
    """One document, so that it needs nothing else: style and script are put where the page names them."""
    parts = files(__package__)
    page = parts.joinpath("page.html").read_text("utf-8")
    for name in ("page.css", "page.js"):
        page = page.replace(f"/* {name} */", parts.joinpath(name).read_text("utf-8"))
    return HTMLResponse(page)


async def _unknown(request: Request, problem: Exception) -> JSONResponse:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    refusal = not_found(f"{request.method} {request.url.path} is not a path of this API") if status == 404 else None
    refusal = refusal or ApiError(status, "METHOD_NOT_ALLOWED", f"{request.method} is not allowed here")
    return JSONResponse(refusal.answer().body, status)


def create_app(limits: Limits | None = None, *, world: World | None = None) -> Starlette:
    """The emulator as an ASGI app. `world` is its state, for who wants to keep it across restarts."""
    world = world or World(limits or Limits())
    calls = [Route(e.path, Gate(world, e.handler, e.path, version, e.scopes, e.search), methods=[e.method]) for version, e in entries()]
    return Starlette(routes=[Route("/", _page), *_inspection(world), *calls], exception_handlers={HTTPException: _unknown})
