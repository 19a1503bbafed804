"""The way of one call: faults, credential, limits, scopes, the handler, and back. One lock makes each call atomic."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from simulation_sandbox.connection import close_without_answer, reset
from simulation_sandbox.hubspot.accounts import Account, Accounts
from simulation_sandbox.hubspot.answers import Answer, ApiError, conflict, invalid
from simulation_sandbox.hubspot.behaviour import Behaviour
from simulation_sandbox.hubspot.faults import Fault, FaultKind, Faults
from simulation_sandbox.hubspot.limits import Limits
from simulation_sandbox.hubspot.object_types import object_type
from simulation_sandbox.hubspot.paths import PathVersion
from simulation_sandbox.hubspot.plan import Plan
from simulation_sandbox.hubspot.traffic import Traffic

NOBODY_ANSWERED = 0
_TYPE_PARAMETERS = ("objectType", "fromObjectType", "toObjectType")


class World:
    """All state of one emulator, behind one lock."""

    def __init__(self, limits: Limits) -> None:
        self.lock = threading.Lock()
        self.limits = limits
        self.clear()

    def clear(self) -> None:
        """Back to an empty default account: no objects, no faults, no memory of calls."""
        self.behaviour = Behaviour()
        self.accounts = Accounts(self.limits, self.behaviour)
        self.faults = Faults()
        self.traffic = Traffic()
        self.plan: Plan | None = None


@dataclass(slots=True)
class Call:
    """What a handler gets to see. It may count the records it wrote."""

    account: Account
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    version: PathVersion
    daily_limit: int = 0
    records_written: int = 0

    def flag(self, name: str) -> bool:
        """The SDK says True, people say true."""
        return self.query.get(name, "").lower() == "true"


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Gate:
    """An ASGI endpoint around one handler.

    `scopes` name what the app must have been granted (any one is enough); {type} in them is each object type of the path.
    """

    world: World
    handler: Handler
    template: str
    version: PathVersion
    scopes: tuple[str, ...] = ()
    search: bool = False  # searches have a limit of their own, and tell nothing of any limit
    methods_with_body: frozenset[str] = field(default=frozenset({"POST", "PATCH", "PUT"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with self.world.lock:
            faults = self.world.faults.take(f"{request.method} {request.url.path}")
        try:
            raw = await request.body()  # first, so that a cut connection is cut after the whole request was sent
        except ClientDisconnect:
            return
        for fault in faults:
            if fault.kind is FaultKind.LATENCY:
                await asyncio.sleep(fault.milliseconds / 1000)
        last = faults[-1] if faults else None
        if last is not None and last.kind is FaultKind.RESET:
            with self.world.lock:
                self.world.traffic.called(request.method, self._shown(request), NOBODY_ANSWERED, 0)
            await reset(scope, receive)
            return
        if last is not None and last.kind is FaultKind.LATE_WRITE:
            await close_without_answer(scope, receive)
            await asyncio.sleep(last.milliseconds / 1000)
            self._answer(request, raw, last)
            return
        answer = self._answer(request, raw, last)
        if last is not None and last.kind is FaultKind.LOSE_RESPONSE:
            await close_without_answer(scope, receive)
            return
        response = _dripping(answer, last) if last is not None and last.kind is FaultKind.SLOW_DRIP else _response(answer)
        await response(scope, receive, send)

    def _answer(self, request: Request, raw: bytes, fault: Fault | None) -> Answer:
        with self.world.lock:
            if fault is not None and fault.kind in (FaultKind.STATUS, FaultKind.ECHO):
                answer, written = fault.refusal(request.headers.get("authorization", "")), 0
            else:
                answer, written = self._handled(request, raw)
                if fault is not None and fault.kind is FaultKind.RACE and _wrote_new(answer):
                    answer = conflict("Another call has just created objects with these ids.").answer()
            lost = fault is not None and fault.kind in (FaultKind.LOSE_RESPONSE, FaultKind.LATE_WRITE)
            self.world.traffic.called(request.method, self._shown(request), NOBODY_ANSWERED if lost else answer.status, written)
        return answer

    def _handled(self, request: Request, raw: bytes) -> tuple[Answer, int]:
        """The answer, and how many records the call wrote."""
        headers: dict[str, str] = {}
        written = 0
        try:
            app = self.world.accounts.authenticate(request.headers.get("authorization", ""))
            answer = app.refuse_over_limit(search=self.search)
            headers = {} if self.search else app.rate_headers()
            if answer is None:
                app.require(self._needed_scopes(request))
                body = self._body(request, raw)
                call = Call(app.account, request.path_params, self._query(request), body, self.version, app.limits.calls_per_day)
                answer = self.handler(call)
                written = call.records_written
        except ApiError as refusal:
            answer = refusal.answer()
        return Answer(answer.status, answer.body, headers | answer.headers), written

    def _query(self, request: Request) -> dict[str, str]:
        """Lists come as a=1,2 from people and as a=1&a=2 from the SDK."""
        query = request.query_params
        return {name: ",".join(query.getlist(name)) for name in query}

    def _body(self, request: Request, raw: bytes) -> Any:
        if request.method not in self.methods_with_body or not raw:
            return None
        try:
            return json.loads(raw)
        except ValueError as problem:
            raise invalid(f"Invalid input JSON: {problem}") from problem

    def _types(self, request: Request) -> list[str]:
        return [
            object_type(value).name for name, value in request.path_params.items() if name.endswith("ObjectType") or name == "objectType"
        ]

    def _needed_scopes(self, request: Request) -> tuple[str, ...]:
        if not any("{type}" in scope for scope in self.scopes):
            return self.scopes
        return tuple(scope.replace("{type}", name) for name in self._types(request) for scope in self.scopes)

    def _shown(self, request: Request) -> str:
        """The path as the statistics count it: with its object types, without ids."""
        shown = self.template
        for name, value in request.path_params.items():
            if name in _TYPE_PARAMETERS:
                shown = shown.replace(f"{{{name}}}", value)
        return shown


def _wrote_new(answer: Answer) -> bool:
    return isinstance(answer.body, dict) and any(each.get("new") for each in answer.body.get("results") or ())


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=answer.headers)
    if isinstance(answer.body, str):
        return Response(answer.body, answer.status, answer.headers, media_type="text/html")
    return JSONResponse(answer.body, answer.status, answer.headers)


def _dripping(answer: Answer, fault: Fault) -> Response:
    whole = _response(answer).body
    pieces = 20

    async def drip() -> AsyncIterator[bytes]:
        size = max(1, -(-len(whole) // pieces))
        for start in range(0, len(whole), size):
            await asyncio.sleep(fault.milliseconds / 1000 / pieces)
            yield bytes(whole[start : start + size])

    return StreamingResponse(drip(), answer.status, answer.headers, media_type="application/json")
