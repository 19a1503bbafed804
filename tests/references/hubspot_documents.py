"""HubSpot's published documents as a check of both sides: every request that was sent and every answer that was given.

`Wire` reads along around an ASGI app (EmulatorServer's `around`); `check` holds what it read against the documents.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import jsonschema

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

DOCUMENTS = Path(__file__).parents[1] / "data" / "hubspot-openapi"

# Where the documents and HubSpot itself are known to differ. Each is a fact, not a licence.
UNDOCUMENTED_PATHS = re.compile(
    r"/crm/(v4/associations|associations/2026-09)/[^/]+/[^/]+/labels"
)  # in HubSpot's guides, not in the document
ERROR_FIELDS_MISSING_IN_DOCUMENTS = {"status"}  # every error carries "status": "error"
RATE_LIMIT_BODY = {"status", "message", "errorType", "correlationId", "policyName"}  # no category: another shape altogether

ISO_MS = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass
class Exchange:
    method: str
    path: str
    query: str = ""
    request: bytes = b""
    status: int = 0
    headers: dict[str, str] | None = None
    body: bytes = b""
    complete: bool = False  # the whole answer was handed over


class Wire:
    """Reads along between the wire and the emulator."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def around(self, app: ASGIApp) -> ASGIApp:
        async def reading_along(scope: Scope, receive: Receive, send: Send) -> None:
            exchange = Exchange(scope["method"], scope["path"], scope["query_string"].decode())

            async def receiving() -> Message:
                message = await receive()
                exchange.request += message.get("body", b"")
                return message

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    exchange.status = message["status"]
                    exchange.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                exchange.body += message.get("body", b"")
                # before it is sent: whoever has read the answer finds it here
                exchange.complete = message["type"] == "http.response.body" and not message.get("more_body")
                await send(message)

            self.exchanges.append(exchange)
            await app(scope, receiving, sending)

        return reading_along

    def check(self, *, refused_requests: bool = False) -> None:
        """All that was read. `refused_requests`: also what was asked wrongly on purpose must be asked as the documents say."""
        for exchange in list(self.exchanges):
            check_exchange(exchange, refused_requests=refused_requests)

    @property
    def documented(self) -> set[tuple[str, str]]:
        """Which operations of the documents were called, as method and path template."""
        found = (operation_of(exchange) for exchange in self.exchanges)
        return {(each.method, each.template) for each in found if each}


@dataclass(frozen=True)
class Operation:
    document: dict[str, Any]
    template: str
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
            operations += [Operation(document, template, pattern, m.upper(), d) for m, d in methods.items() if m != "parameters"]
    # /groups and /batch/… before /{propertyName}
    return sorted(operations, key=lambda operation: operation.pattern.pattern.count("[^/]+"))


OPERATIONS = load_operations()


def operation_of(exchange: Exchange) -> Operation | None:
    return next((o for o in OPERATIONS if o.method == exchange.method and o.pattern.fullmatch(exchange.path)), None)


def check_exchange(exchange: Exchange, *, refused_requests: bool = False) -> None:
    if not exchange.path.startswith(("/crm", "/account-info")) or not exchange.complete or UNDOCUMENTED_PATHS.fullmatch(exchange.path):
        return
    operation = operation_of(exchange)
    if operation is None:
        assert exchange.status in (404, 405), f"{exchange.method} {exchange.path} is in no document"
        return
    what = f"{exchange.method} {exchange.path} {exchange.status}"
    if exchange.status < 300 or refused_requests:
        check_request(exchange, operation, f"the request of {what}")
    check_answer(exchange, operation, what)


def check_request(exchange: Exchange, operation: Operation, what: str) -> None:
    known = {each["name"] for each in operation.definition.get("parameters", ()) if each["in"] == "query"}
    unknown = parse_qs(exchange.query, keep_blank_values=True).keys() - known
    assert not unknown, f"{what} has parameters that no document knows: {sorted(unknown)}"
    asked = operation.definition.get("requestBody", {}).get("content", {}).get("application/json")
    if asked:
        operation.check(asked["schema"], json.loads(exchange.request), what)


def check_answer(exchange: Exchange, operation: Operation, what: str) -> None:
    assert exchange.headers is not None
    if not exchange.body or not exchange.headers["content-type"].startswith("application/json"):
        assert exchange.status == 204 or exchange.status >= 500, f"{what} has no JSON body"
        assert exchange.status >= 500 or "204" in operation.definition["responses"], f"{what} is not a documented status"
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
