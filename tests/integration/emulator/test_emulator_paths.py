"""Every path: those HubSpot's SDK calls, and those of the documents, all lead to a handler."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Match

from references.hubspot_documents import OPERATIONS
from simulation_sandbox.hubspot.app import create_app

GROUPS = ("objects", "companies", "contacts", "deals", "properties", "pipelines", "owners", "associations.v4")
CALL = re.compile(r'resource_path="(?P<path>/[^"]*)",\s*method="(?P<method>[A-Z]+)"|"(?P<path2>/[^"]*)",\s*"(?P<method2>[A-Z]+)"')


def calls_of_the_sdk(group: str) -> list[tuple[str, str]]:
    package = importlib.import_module(f"hubspot.crm.{group}.api")
    found = []
    for module in pkgutil.iter_modules(package.__path__):
        source = inspect.getsource(importlib.import_module(f"{package.__name__}.{module.name}"))
        found += [(m["method"] or m["method2"], m["path"] or m["path2"]) for m in CALL.finditer(source)]
    return found


@pytest.fixture(scope="module")
def app() -> Starlette:
    return create_app()


def is_served(app: Starlette, method: str, template: str) -> bool:
    scope: dict[str, Any] = {"type": "http", "method": method, "path": re.sub(r"\{\w+\}", "1", template)}
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


@pytest.mark.parametrize("group", GROUPS)
def test_every_call_of_the_sdk_has_a_handler(app: Starlette, group: str) -> None:
    calls = calls_of_the_sdk(group)
    assert len(calls) >= 2, "the SDK looks different now: the pattern finds no calls"
    assert [call for call in calls if not is_served(app, *call)] == []


def test_every_operation_of_the_documents_has_a_handler(app: Starlette) -> None:
    missing = [(o.method, o.template) for o in OPERATIONS if not is_served(app, o.method, o.template)]
    assert missing == []


def test_the_documents_hold_both_kinds_of_paths() -> None:
    templates = {o.template for o in OPERATIONS}
    assert {"/crm/v3/objects/{objectType}/batch/upsert", "/crm/objects/2026-09/{objectType}/batch/upsert"} <= templates
    assert json.dumps(sorted(templates)).count("/2026-09") > 25
