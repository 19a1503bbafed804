"""Health and metrics over HTTP, on a thread of their own, so that a blocked main loop shows up as unhealthy instead of as silence."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from simulation_core.errors import SettingsError

log = logging.getLogger(__name__)

Check = Callable[[], str | None]
"""None: all is well. Else one sentence on what is wrong."""


class HealthServer:
    """Serves /healthz (alive), /readyz (ready) and /metrics. A check that raises has failed; its type is the reason."""

    def __init__(self, bind_address: str, *, ready: Check, alive: Check) -> None:
        host, port = _host_and_port(bind_address)
        checks = {"/healthz": alive, "/readyz": ready}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(HTTPStatus.OK, generate_latest(), CONTENT_TYPE_LATEST)
                elif check := checks.get(self.path):
                    wrong = _outcome(check)
                    self._answer(HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK, (wrong or "ok").encode())
                else:
                    self._answer(HTTPStatus.NOT_FOUND, b"try /healthz, /readyz or /metrics")

            def _answer(self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                log.debug(format, *args)

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise SettingsError(f"SIMULATION_BIND_ADDRESS {bind_address} can't be bound: {error.strerror}") from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _host_and_port(bind_address: str) -> tuple[str, int]:
    host, separator, port = bind_address.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"SIMULATION_BIND_ADDRESS {bind_address!r} is malformed: say host:port, such as 0.0.0.0:8080")
    return host.strip("[]"), int(port)


def _outcome(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever a check raises means that it failed
        log.warning("health check failed: %s", error)
        return f"check failed: {type(error).__name__}"
