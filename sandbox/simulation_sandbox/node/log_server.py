"""Of a kubelet's own server what people miss most: containers' logs, for `kubectl logs`. Only the API server may ask.

What a container has written is one file, over all its runs. Where only the latest is wanted, a line's own timestamp counts.
"""

from __future__ import annotations

import logging
import re
import select
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from simulation_sandbox.node.place import Place, places_of
from simulation_sandbox.node.status import HOST_ADDRESS

LOOK_SECONDS = 0.2
STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
STAMP_WITHIN = 64  # characters of a line

log = logging.getLogger(__name__)


@contextmanager
def served_logs(pods: Path, keys: Path | None) -> Iterator[int | None]:
    """The port where the API server finds the logs of the pods in that folder; None without `keys`, the folder of the cluster's own."""
    if keys is None:
        yield None
        return
    server = _Server(pods)
    try:
        server.socket = _context(keys).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, name="logs", daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.stopping.set()
            server.shutdown()
    finally:
        server.server_close()


def _context(keys: Path) -> ssl.SSLContext:
    """Whoever connects has to show a certificate of the cluster's authority: the API server has the only one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "apiserver.crt", keys / "apiserver.key")
    context.load_verify_locations(keys / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, pods: Path) -> None:
        super().__init__((HOST_ADDRESS, 0), _Handler)
        self.pods = pods
        self.stopping = threading.Event()

    def handle_error(self, *_: object) -> None:
        log.debug("a reader of logs went away, or has no certificate")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        match asked.path.strip("/").split("/"):
            case ["containerLogs", namespace, pod, container]:
                places = [place for place in places_of(self.server.pods, namespace=namespace, name=pod) if place.log(container).exists()]
            case _:
                places = []
        if not places:
            self.send_error(404, f"nothing was written by {asked.path}")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self._write(places[-1], container, dict(parse_qsl(asked.query)))

    def _write(self, place: Place, container: str, query: Mapping[str, str]) -> None:
        with place.log(container).open("rb") as file:
            self.wfile.write(wanted(file.read(), query))
            while query.get("follow") == "true" and not self.server.stopping.is_set():
                is_over = not place.home.exists()  # looked at first, so that its last words are read
                self.wfile.write(file.read())
                if is_over or self._reader_left():
                    return

    def _reader_left(self) -> bool:
        """A reader sends nothing more: what can be read is the end of the connection."""
        return bool(select.select([self.connection], [], [], LOOK_SECONDS)[0])

    def log_message(self, *_: object) -> None:
        """Not on standard error."""


def wanted(text: bytes, query: Mapping[str, str], *, now: datetime | None = None) -> bytes:
    """What is left of a log by sinceSeconds and tailLines."""
    lines = text.splitlines(keepends=True)
    if "sinceSeconds" in query:
        lines = _from(lines, (now or datetime.now(UTC)) - timedelta(seconds=int(query["sinceSeconds"])))
    if "tailLines" in query:
        lines = lines[max(0, len(lines) - int(query["tailLines"])) :]
    return b"".join(lines)


def _from(lines: list[bytes], earliest: datetime) -> list[bytes]:
    """All of them where none says when it was written."""
    found = [(at, STAMP.search(line[:STAMP_WITHIN])) for at, line in enumerate(lines)]
    stamps = [(at, datetime.fromisoformat(stamp[0].decode())) for at, stamp in found if stamp is not None]
    first = next((at for at, stamp in stamps if stamp >= earliest), len(lines) if stamps else 0)
    return lines[first:]
