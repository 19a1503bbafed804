"""Cutting a connection off: what no well-behaved HTTP server offers, and what a client must survive."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "simulation_sandbox.transport"


class CuttableProtocol(H11Protocol):
    """Uvicorn's own protocol; additionally hands each request's transport to the app."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        inner: ASGIApp = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = self.transport
            await inner(scope, receive, send)

        self.app = with_transport


async def close_without_answer(scope: Scope, receive: Receive) -> None:
    """The client sees an orderly end of the connection where it waited for a status line."""
    _transport(scope).close()
    await _gone(receive)


async def reset(scope: Scope, receive: Receive) -> None:
    """The client sees "connection reset by peer": closing with a linger of 0 seconds sends RST."""
    transport = _transport(scope)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(receive)


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope[_TRANSPORT]
    return transport


async def _gone(receive: Receive) -> None:
    """Until uvicorn has noticed; otherwise it would try to answer 500."""
    while (await receive())["type"] != "http.disconnect":
        pass
