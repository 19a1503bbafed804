from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from simulation_sandbox.ports import free_port, is_free, remembered_port

if TYPE_CHECKING:
    from pathlib import Path


def test_no_port_is_handed_out_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_the_port_of_the_last_time_is_kept_while_it_is_free(tmp_path: Path) -> None:
    port = remembered_port(tmp_path / "port")
    assert remembered_port(tmp_path / "port") == port
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        moved = remembered_port(tmp_path / "port")
    assert moved != port
    assert remembered_port(tmp_path / "port") == moved
