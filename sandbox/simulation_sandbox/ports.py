"""Free TCP ports on loopback."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

from simulation_sandbox.errors import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

# Below Linux's ephemeral range (32768 …): between our look and the server's bind no outgoing connection can be given the port.
CANDIDATES = range(20_000, 32_000)
ATTEMPTS = 200

_handed_out: set[int] = set()


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        # As servers do it: connections in TIME_WAIT don't make a port taken, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None) -> int:
    """`preferred` if nobody listens on it, else one that this process has not handed out before."""
    if preferred is not None and is_free(preferred):
        return preferred
    for _ in range(ATTEMPTS):
        port = random.choice(CANDIDATES)  # noqa: S311 - a port number is no secret
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port
    raise SandboxError(f"found no free port between {CANDIDATES.start} and {CANDIDATES.stop} on 127.0.0.1")


def remembered_port(file: Path, preferred: int | None = None) -> int:
    """`preferred`, or the one written in `file` by an earlier start, if it is still free; else a new one. Written to `file`."""
    if preferred is None and file.exists():
        preferred = int(file.read_text())
    port = free_port(preferred)
    file.write_text(str(port))
    return port
