"""A total deadline for a call. HTTP timeouts bound each wait; only closing the socket bounds an answer that drips in for ever."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """Watches one call at a time and cuts its connection when the time is up. The call then ends with an error of the socket's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.passed = False
        self.kept_alive = False  # the call went over a connection of an earlier one

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        with self._lock:
            self._socket, self.passed = None, False
        timer = threading.Timer(seconds, self._pass)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._socket = None

    def using(self, connected: socket.socket | None, *, kept_alive: bool) -> None:
        """The call goes over this socket from now on."""
        with self._lock:
            self._socket, self.kept_alive = connected, kept_alive
            if self.passed:
                self._cut()

    def _pass(self) -> None:
        with self._lock:
            self.passed = True
            self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # not SSLSocket.shutdown: it takes the TLS state away under the reading thread
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def watch(pools: urllib3.PoolManager, deadline: Deadline) -> None:
    """Makes every connection of `pools` tell the deadline which socket it uses, and whether an earlier call left it open."""

    class Plain(HTTPConnection):
        calls = 0  # over this connection

        def connect(self) -> None:
            super().connect()
            self.calls = 0
            deadline.using(self.sock, kept_alive=False)

        def request(self, *args: Any, **kwargs: Any) -> None:
            deadline.using(self.sock, kept_alive=self.calls > 0)
            super().request(*args, **kwargs)
            self.calls += 1

    class Encrypted(HTTPSConnection):
        calls = 0  # over this connection

        def connect(self) -> None:
            super().connect()
            self.calls = 0
            deadline.using(self.sock, kept_alive=False)

        def request(self, *args: Any, **kwargs: Any) -> None:
            deadline.using(self.sock, kept_alive=self.calls > 0)
            super().request(*args, **kwargs)
            self.calls += 1

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Encrypted

    pools.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}
