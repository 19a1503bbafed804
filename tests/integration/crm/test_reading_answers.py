"""Answers from somebody who stands where HubSpot should: they repeat what they were sent, or answer 200 with something else."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest

from references.unpaced import Unpaced
from simulation_core.reasons import Reason
from simulation_worker.crm.answers import NO_ANSWER
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.inputs import Object
from simulation_worker.crm.quarantine import Quarantine
from simulation_worker.crm.writes import BatchWriter

TOKEN = "pat-na1-5ecre7-5ecre7-5ecre7"
Say = Callable[[str], tuple[int, str]]


@pytest.fixture
def answered() -> Iterator[Callable[[Say], CrmClient]]:
    """A client of a server that answers what `say` makes of the credential it was given."""
    servers: list[ThreadingHTTPServer] = []
    clients: list[CrmClient] = []

    def serve(say: Say) -> CrmClient:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                status, text = say(self.headers["Authorization"])
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        clients.append(CrmClient(url=f"http://127.0.0.1:{servers[-1].server_port}", token=TOKEN, pace=Unpaced()))
        return clients[-1]

    yield serve
    for client in clients:
        client.close()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [200, 207, 400, 401, 403, 503])
def test_a_token_that_is_repeated_is_never_read(answered: Any, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    client = answered(lambda credential: (status, json.dumps({"message": f"no: {credential}", "errors": [{"message": credential}]})))
    answer = client.post("/crm/v3/objects/contacts/batch/upsert", {"inputs": []})
    assert answer.status == status
    assert answer.message == "no: Bearer (the token)"
    assert TOKEN not in str(answer) + caplog.text


@pytest.mark.parametrize("text", ["<html>We'll be back soon</html>", "", "[]", '"fine"', '{"status": "COMP'])
def test_a_success_that_cannot_be_read_is_no_answer(answered: Any, text: str) -> None:
    """A proxy's maintenance page says nothing of the records."""
    client = answered(lambda _: (200, text))
    answer = client.post("/crm/v3/objects/contacts/batch/upsert", {"inputs": []})
    assert answer.status == NO_ANSWER
    fates = BatchWriter(client, Quarantine(10_000)).upsert("contacts", [Object(f"{UUID(int=1)}-{record}-p0", {}) for record in range(3)])
    assert {(fate.reason, fate.counts_as_try) for fate in fates.values()} == {(Reason.PORTAL_UNAVAILABLE, False)}


def test_no_content_is_a_success(answered: Any) -> None:
    """So archiving is answered."""
    assert answered(lambda _: (204, "")).post("/crm/v3/objects/contacts/batch/archive", {"inputs": []}).status == 204


def test_a_handshake_that_drips_in_ends_with_the_call_s_deadline() -> None:
    """Python bounds a handshake as a whole by the connection's timeout, however often a byte comes; our watch begins after it."""
    cut = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"\x16\x03\x03\x40\x00")  # a long record begins, and never ends
            connection.settimeout(0.05)
            for _ in range(200):
                connection.sendall(b"\x02")
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(4096):
                        break
            else:
                return
        cut.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        dripping = threading.Thread(target=drip, args=(listening,), daemon=True)
        dripping.start()
        client = CrmClient(url=f"https://127.0.0.1:{listening.getsockname()[1]}", token=TOKEN, pace=Unpaced(), deadline_seconds=0.5)
        answer = client.post("/crm/v3/objects/contacts/batch/upsert", {"inputs": []})
        assert answer.broken == "no complete answer within 0.5 s"
        dripping.join()
        assert cut.is_set()
        client.close()
