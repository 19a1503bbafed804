"""The process that owns a sandbox's servers: starts them, starts again what dies, and takes them along when it ends.

All of them are its children with a death signal from the kernel, so even its kill -9 leaves none behind.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from simulation_sandbox import assets
from simulation_sandbox.errors import SandboxError
from simulation_sandbox.layout import Layout, State
from simulation_sandbox.parts import parts_of
from simulation_sandbox.processes import ProcessId

if TYPE_CHECKING:
    from simulation_sandbox.parts import Part

LOOK_EVERY_SECONDS = 1.0


class _StopAskedError(BaseException):
    """Raised by the signal handler wherever the supervisor happens to be."""


class Supervisor:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._started: dict[str, Part] = {}
        own = ProcessId.of(os.getpid())
        assert own is not None, "we are alive"
        self._own = own

    def run(self) -> None:
        """Until SIGTERM or SIGINT; raises SandboxError if a part doesn't start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ask_to_stop)
        try:
            self._start_all()
            self._watch()
        except _StopAskedError:
            pass
        finally:
            self._stop_all()

    def _start_all(self) -> None:
        for name, part in parts_of(self._layout, assets.find()).items():
            self._tell(f"starting {name}")
            self._started[name] = part
            part.start()
        self._tell("running", ready=True)

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_SECONDS)
            for name, part in self._started.items():
                if all(child.alive for child in part.children):
                    continue
                self._tell(f"{name} died, starting it again", ready=True)
                try:
                    part.revive()
                except SandboxError as error:
                    self._tell(f"{name} doesn't start: {error}", ready=True)
                else:
                    self._tell("running", ready=True)

    def _stop_all(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for name, part in reversed(self._started.items()):
            self._tell(f"stopping {name}")
            part.stop()
        self._layout.state.unlink(missing_ok=True)

    def _tell(self, doing: str, *, ready: bool = False) -> None:
        print(doing, flush=True)
        children = [child for part in self._started.values() for child in part.children]
        ids = {child.name: child.id for child in children}
        alive = {name: process for name, process in ids.items() if process is not None}
        State(supervisor=self._own, parts=alive, ready=ready, doing=doing).save(self._layout.state)


def _ask_to_stop(number: int, frame: object) -> NoReturn:
    del frame
    raise _StopAskedError(number)


def main() -> None:
    """`python -m simulation_sandbox.supervisor FOLDER`; `up` starts it."""
    try:
        Supervisor(Layout(Path(sys.argv[1]))).run()
    except SandboxError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
