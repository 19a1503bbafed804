"""One emulator for the folder, emptied for each test; everything that goes over its wire is held against HubSpot's documents."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest
from hubspot import HubSpot

from simulation_sandbox.hubspot.limits import Limits
from simulation_sandbox.hubspot.server import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

DOCUMENTS = Path(__file__).parents[2] / "data" / "hubspot-openapi"
TOKEN = "pat-na1-for-tests"

# Where the documents and HubSpot itself are known to differ. Each is a fact, not a licence.
UNDOCUMENTED_PATHS = re.compile(r"/crm/v4/associations/[^/]+/[^/]+/labels")  # in HubSpot's guides, not in the document
ERROR_FIELDS_MISSING_IN_DOCUMENTS = {"status"}  # every error carries "status": "error"
RATE_LIMIT_BODY = {"status", "message", "errorType", "correlationId", "policyName"}  # no category: another shape altogether

ISO_MS = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass
class Exchange:
    method: str
    path: str
    request: Any
    status: int = 0
    headers: dict[str, str] | None = None
    body: bytes = b""


class Wire:
    """Reads along between the wire and the emulator."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def around(self, app: ASGIApp) -> ASGIApp:
        async def reading_along(scope: Scope, receive: Receive, send: Send) -> None:
            exchange = Exchange(scope["method"], scope["path"], b"")

            async def receiving() -> Message:
                message = await receive()
                exchange.request += message.get("body", b"")
                return message

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    exchange.status = message["status"]
                    exchange.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                exchange.body += message.get("body", b"")
                await send(message)

            await app(scope, receiving, sending)
            self.exchanges.append(exchange)

        return reading_along


@dataclass(frozen=True)
class Operation:
    document: dict[str, Any]
    pattern: re.Pattern[str]
    method: str
    definition: dict[str, Any]

    def check(self, schema: dict[str, Any], value: Any, what: str) -> None:
        validator = jsonschema.Draft202012Validator(schema | {"components": self.document["components"]})
        problems = [f"{problem.json_path}: {problem.message}" for problem in validator.iter_errors(value)]
        assert not problems, f"{what} differs from the document: {problems[:3]}"


def closed(schema: Any) -> Any:
    """The documents don't forbid further fields; a faithful emulator doesn't invent any."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tightened = {name: closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict) and schema["properties"]:
        tightened.setdefault("additionalProperties", False)
    return tightened


def load_operations() -> list[Operation]:
    operations = []
    for file in sorted(DOCUMENTS.glob("*.json")):
        document = json.loads(file.read_text())
        error = document["components"]["schemas"].get("Error", {}).get("properties", {})
        error.update({name: {"type": "string"} for name in ERROR_FIELDS_MISSING_IN_DOCUMENTS})
        document["components"] = closed(document["components"])
        for template, methods in document["paths"].items():
            pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", template) + "/?")
            operations += [Operation(document, pattern, m.upper(), d) for m, d in methods.items() if m != "parameters"]
    # /groups and /batch/… before /{propertyName}
    return sorted(operations, key=lambda operation: operation.pattern.pattern.count("[^/]+"))


OPERATIONS = load_operations()


def check_exchange(exchange: Exchange) -> None:
    if not exchange.path.startswith(("/crm", "/account-info")) or not exchange.status or UNDOCUMENTED_PATHS.fullmatch(exchange.path):
        return
    operation = next((o for o in OPERATIONS if o.method == exchange.method and o.pattern.fullmatch(exchange.path)), None)
    if operation is None:
        assert exchange.status in (404, 405), f"{exchange.method} {exchange.path} is in no document"
        return
    what = f"{exchange.method} {exchange.path} {exchange.status}"
    asked = operation.definition.get("requestBody", {}).get("content", {}).get("application/json")
    if asked and exchange.status < 300:
        operation.check(asked["schema"], json.loads(exchange.request), f"the request of {what}")
    check_answer(exchange, operation, what)


def check_answer(exchange: Exchange, operation: Operation, what: str) -> None:
    assert exchange.headers is not None
    if not exchange.body or not exchange.headers["content-type"].startswith("application/json"):
        assert exchange.status == 204 or exchange.status >= 500, f"{what} has no JSON body"
        return
    body = json.loads(exchange.body)
    if exchange.status == 429:
        assert set(body) == RATE_LIMIT_BODY
    elif exchange.status >= 400:
        operation.check({"$ref": "#/components/schemas/Error"}, body, what)
    else:
        documented = operation.definition["responses"].get(str(exchange.status))
        assert documented, f"{what} is not a documented status"
        operation.check(documented["content"]["application/json"]["schema"], body, what)
        for moment in re.findall(rb'"(?:createdAt|updatedAt|startedAt|completedAt)":"([^"]*)"', exchange.body):
            assert ISO_MS.fullmatch(moment.decode()), f"{what}: {moment!r} is no time in UTC with milliseconds"


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="module")
def running_emulator(wire: Wire) -> Iterator[EmulatorServer]:
    with EmulatorServer(around=wire.around, limits=Limits(calls_per_ten_seconds=100_000)) as server:
        yield server


@pytest.fixture
def emulator(running_emulator: EmulatorServer, wire: Wire) -> Iterator[EmulatorServer]:
    running_emulator.clear()
    wire.exchanges.clear()
    yield running_emulator
    for exchange in wire.exchanges:
        check_exchange(exchange)


@pytest.fixture
def http(emulator: EmulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=emulator.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10) as client:
        yield client


@pytest.fixture
def sdk(emulator: EmulatorServer) -> HubSpot:
    return HubSpot(access_token=TOKEN, host=emulator.url)


@pytest.fixture
def keyed(http: httpx.Client) -> httpx.Client:
    """The account as our worker prepares it: simulation_key (unique), simulation_id and simulation_name on all three types."""
    for object_type in ("companies", "contacts", "deals"):
        http.post(f"/crm/v3/properties/{object_type}/groups", json={"name": "simulation", "label": "Simulation"}).raise_for_status()
        for name in ("simulation_key", "simulation_id", "simulation_name"):
            wanted = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "simulation"}
            unique = {"hasUniqueValue": True} if name == "simulation_key" else {}
            http.post(f"/crm/v3/properties/{object_type}", json=wanted | unique).raise_for_status()
    return http
