"""Serving an ASGI app of ours: in a thread for tests, as a process for the sandbox."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from simulation_sandbox.connection import CuttableProtocol
from simulation_sandbox.errors import SandboxError

START_SECONDS = 10.0
GRACE_SECONDS = 3


def _server(app: ASGIApp) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=512,
        timeout_keep_alive=65,  # longer than a client's pause between batches, so that no call meets a closing connection
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _listen(name: str, host: str, port: int) -> socket.socket:
    """SandboxError where the address can't be had."""
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol; with it each answer waits 40 ms for an ACK
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or "a port is a number from 0 to 65535"
        raise SandboxError(f"the {name} can't listen on {host}:{port}: {reason}; choose another with --port") from None
    listener.listen(512)
    return listener


class AppServer:
    """An app in a thread of this process. Stopped and started again it keeps its port and its state."""

    def __init__(self, name: str, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._name = name
        self._app = app
        self._host = host
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def start(self) -> Self:
        """Returns once it answers."""
        listener = _listen(self._name, self._host, self._port)
        self._port = listener.getsockname()[1]
        self._server = _server(self._app)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name=self._name, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the {self._name} did not start on {self.url} within {START_SECONDS:.0f} s")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Stopping twice is fine. Calls under way get a moment to end."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(GRACE_SECONDS + 5)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def serve_app(name: str, app: ASGIApp, *, host: str, port: int, told: Callable[[str], None]) -> None:
    """Tells its URL, then serves until SIGTERM or SIGINT, then ends in good order: calls under way are answered."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal once more after its own shutdown; without this the process would end as killed
        signal.signal(number, lambda *_: None)
    listener = _listen(name, host, port)
    told(f"http://{host}:{listener.getsockname()[1]}")
    _server(app).run([listener])
