"""How a budget stood when this process last heard of it, on its own clock. Asked before each call, so it costs nothing."""

from __future__ import annotations

import threading

from simulation_core.queue.admission import Admission


class View:
    def __init__(self) -> None:
        self.generation = 0
        self.troubled = False  # a success ends something: worth telling
        self.trying = False  # this process tries whether things are well again
        self.why = ""
        self._shut_until_s = 0.0
        self._paced_until_s = 0.0
        self._lock = threading.Lock()

    def heard(self, said: Admission, now_s: float) -> None:
        """A pause lasts here as it was first heard of, also where Redis was wiped meanwhile."""
        with self._lock:
            self.generation, self.troubled, self.trying = said.generation, said.troubled, said.trying
            if said.shut_us and (until_s := now_s + said.shut_us / 1e6) > self._shut_until_s:
                self.why, self._shut_until_s = said.why, until_s

    def paced(self, until_s: float) -> None:
        self._paced_until_s = until_s

    def shut(self, why: str, until_s: float) -> None:
        with self._lock:
            self.troubled = True
            if until_s > self._shut_until_s:
                self.why, self._shut_until_s = why, until_s

    def opened(self) -> None:
        with self._lock:
            self.troubled = self.trying = False
            self._shut_until_s = 0.0

    def shut_for_s(self, now_s: float) -> float:
        return max(0.0, self._shut_until_s - now_s)

    def paced_for_s(self, now_s: float) -> float:
        return max(0.0, self._paced_until_s - now_s)
