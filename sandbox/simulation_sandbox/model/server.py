"""Serving the model: in a thread for tests, as a process for the sandbox."""

from __future__ import annotations

from collections.abc import Callable

from simulation_sandbox.asgi import AppServer, serve_app
from simulation_sandbox.model.app import Model, create_app

NAME = "model server"


class ModelServer(AppServer):
    """The model in a thread of this process."""

    def __init__(self, port: int = 0) -> None:
        self.model = Model()
        super().__init__(NAME, create_app(self.model), port=port)


def serve(host: str, port: int, *, report: Callable[[str], None]) -> None:
    """Tells its address, then serves until SIGTERM or SIGINT."""

    def told(url: str) -> None:
        report(f"a language model for tests at {url}/v1 (any key will do; {url}/_model/summary says what it was asked)")

    serve_app(NAME, create_app(), host=host, port=port, told=told)
