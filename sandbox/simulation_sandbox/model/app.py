"""The model as an ASGI app: /v1/chat/completions and /v1/models as clients know them, /_model/… for who looks and asks for faults."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from simulation_sandbox.connection import close_without_answer, reset
from simulation_sandbox.model import MODEL, completions
from simulation_sandbox.model.faults import Fault, FaultKind, Faults


class Model:
    """All state of one server, behind one lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.faults = Faults()
        self.key: str | None = None  # the only one that is let in; None: any, or none
        self.calls = self.under_way = self.most_under_way = 0
        self.tokens = 0
        self.models: dict[str, int] = {}  # calls by the model they named

    def summary(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "underWay": self.under_way,
            "mostUnderWay": self.most_under_way,
            "tokens": self.tokens,
            "models": self.models,
            "faults": [fault.as_json() for fault in self.faults],
        }


class Completions:
    """An ASGI endpoint: one question, one answer, or what was asked for to happen instead."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            raw = await request.body()
        except ClientDisconnect:
            return
        model = self._model
        with model.lock:
            faults = model.faults.take()
            model.calls += 1
            model.under_way += 1
            model.most_under_way = max(model.most_under_way, model.under_way)
        try:
            response = await self._answered(request, raw, faults)
            if response is not None:
                await response(scope, receive, send)
            elif faults[-1].kind is FaultKind.RESET:
                await reset(scope, receive)
            else:
                await close_without_answer(scope, receive)
        finally:
            with model.lock:
                model.under_way -= 1

    async def _answered(self, request: Request, raw: bytes, faults: list[Fault]) -> Response | None:
        """None: nobody answers."""
        for fault in faults:
            if fault.kind is FaultKind.LATENCY:
                await asyncio.sleep(fault.milliseconds / 1000)
        last = faults[-1] if faults else None
        kind = last.kind if last else None
        if kind is FaultKind.RESET:
            return None
        if kind is FaultKind.HANG:
            while not await request.is_disconnected():  # noqa: ASYNC110 - the client's leaving is no event of ours
                await asyncio.sleep(0.05)
            return None
        if last is not None and kind is FaultKind.STATUS:
            return _refused(last.status, "an injected fault", retry_after_seconds=last.retry_after_seconds)
        return self._written(request, raw, last)

    def _written(self, request: Request, raw: bytes, fault: Fault | None) -> Response:
        if self._model.key is not None and request.headers.get("authorization") != f"Bearer {self._model.key}":
            return _refused(401, "Incorrect API key provided")
        try:
            asked = json.loads(raw)
            body = completions.complete(asked, fault.kind if fault else None)
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            return _refused(400, f"the request can't be read: {type(problem).__name__}: {problem}")
        with self._model.lock:
            self._model.tokens += body["usage"]["total_tokens"]
            self._model.models[asked["model"]] = self._model.models.get(asked["model"], 0) + 1
        if fault is not None and fault.kind is FaultKind.NO_USAGE:
            del body["usage"]
        if fault is not None and fault.kind is FaultKind.DRIP:
            return StreamingResponse(_drips(json.dumps(body).encode(), fault.milliseconds / 1000), media_type="application/json")
        return JSONResponse(body)


async def _drips(whole: bytes, pause_s: float) -> AsyncIterator[bytes]:
    for place in range(len(whole)):
        await asyncio.sleep(pause_s)
        yield whole[place : place + 1]


def _refused(status: int, message: str, *, retry_after_seconds: int | None = None) -> JSONResponse:
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error", "code": None}}, status, headers)


def _looks(model: Model) -> list[Route]:
    def add_fault(body: Any) -> Any:
        return model.faults.add(body).as_json()

    def require_key(body: Any) -> Any:
        model.key = body.get("key")
        return {}

    def without_answer(act: Callable[[], None]) -> Callable[[Any], Any]:
        def look(_: Any) -> Any:
            act()
            return {}

        return look

    looks: list[tuple[str, str, Callable[[Any], Any]]] = [
        ("GET", "/summary", lambda _: model.summary()),
        ("POST", "/faults", add_fault),
        ("DELETE", "/faults", without_answer(model.faults.clear)),
        ("POST", "/key", require_key),
        ("POST", "/reset", without_answer(model.clear)),
    ]
    return [Route(f"/_model{path}", _look(model, handler), methods=[method]) for method, path, handler in looks]


def _look(model: Model, handler: Callable[[Any], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> JSONResponse:
        raw = await request.body()
        with model.lock:
            try:
                return JSONResponse(handler(json.loads(raw) if raw else {}))
            except ValueError as problem:
                return JSONResponse({"error": {"message": str(problem)}}, 400)

    return endpoint


async def _models(_: Request) -> JSONResponse:
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "sandbox"}]})


def create_app(model: Model | None = None) -> Starlette:
    """`model` is its state, for who wants to look at it from the same process."""
    model = model or Model()
    routes = [Route("/v1/models", _models), Route("/v1/chat/completions", Completions(model), methods=["POST"])]
    return Starlette(routes=[*routes, *_looks(model)])
