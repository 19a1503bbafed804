"""Serving the emulator: in a thread for tests, as a process for the sandbox."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp

from simulation_sandbox.asgi import AppServer, serve_app
from simulation_sandbox.hubspot.app import create_app
from simulation_sandbox.hubspot.gate import World
from simulation_sandbox.hubspot.limits import Limits

NAME = "emulator"


class EmulatorServer(AppServer):
    """The emulator in a thread of this process. Stopped and started again it keeps its port and its state.

    `around` puts something between the wire and the app: a test that reads along, say.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        limits: Limits | None = None,
        host: str = "127.0.0.1",
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        self.world = World(limits or Limits())
        super().__init__(NAME, around(create_app(world=self.world)), host=host, port=port)

    def clear(self) -> None:
        """Forgets all objects, accounts, faults and calls: a test starts with an empty CRM."""
        with self.world.lock:
            self.world.clear()


def serve(host: str, port: int, limits: Limits | None = None, *, report: Callable[[str], None] = lambda _: None) -> None:
    """Tells its address, then serves until SIGTERM or SIGINT, then ends in good order: calls under way are answered."""

    def told(url: str) -> None:
        report(f"a HubSpot for tests at {url}/ (any token will do; the page shows what it holds)")

    serve_app(NAME, create_app(limits), host=host, port=port, told=told)
