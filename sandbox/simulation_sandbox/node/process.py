"""A child process seen from the event loop: its end wakes whoever waits, and takes its whole process group along."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from simulation_sandbox.processes import Child, ProcessId


class Process:
    """Started in the event loop's thread: the kernel kills it when that thread ends, and the thread lives as long as the node."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._descriptor = os.pidfd_open(child.pid)
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._descriptor, self._end)

    @classmethod
    def spawn(cls, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Process:
        return cls(Child.spawn(command, log=log, env=env, cwd=cwd))

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def id(self) -> ProcessId | None:
        return self._child.id

    def send(self, number: signal.Signals) -> None:
        """To the process alone, as a container's first process gets it. Nothing happens if it has ended."""
        if not self._ended.done():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        if not self._ended.done():  # not reaped yet: the group's number can't be anybody else's
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit code as a shell would say it: 128 + N if signal N ended it."""
        code = await asyncio.shield(self._ended)
        return 128 - code if code < 0 else code

    async def ends_within(self, seconds: float) -> bool:
        done, _ = await asyncio.wait([self._ended], timeout=max(0.0, seconds))
        return bool(done)

    def _end(self) -> None:
        self.kill()  # what the leader left behind
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._ended.set_result(self._child.wait())


def note_group(note: Path, process: Process) -> None:
    """For `kill_leftovers` of the next node, should this one be killed."""
    if (identity := process.id) is not None:
        note.write_text(f"{identity.pid} {identity.start_ticks}")


def kill_leftovers(note: Path) -> None:
    """The kernel killed the process when its node died, but not the processes that it had started itself."""
    try:
        pid, ticks = map(int, note.read_text().split())
    except (OSError, ValueError):
        return
    present = ProcessId.of(pid)
    if present is None or present == ProcessId(pid=pid, start_ticks=ticks):  # else somebody else got the number
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    note.unlink(missing_ok=True)
