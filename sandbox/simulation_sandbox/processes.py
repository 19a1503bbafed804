"""Child processes that can't outlive their parent, and processes remembered by an id that survives pid reuse."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import TYPE_CHECKING

from simulation_sandbox.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The user and group a child runs as; only root can hand it out."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True, kw_only=True)
class ProcessId:
    """A process and no other: a pid is used again, the pair of pid and start time isn't (until the next boot)."""

    pid: int
    start_ticks: int  # clock ticks since boot, field 22 of /proc/PID/stat

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """None: no such process, or it has ended and only waits to be reaped."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the command's name, in parentheses, may hold spaces
        return None if fields[0] in "ZX" else cls(pid=pid, start_ticks=int(fields[19]))

    @property
    def alive(self) -> bool:
        return ProcessId.of(self.pid) == self

    def send(self, number: Signals) -> bool:
        """False: it was gone already."""
        if not self.alive:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


class Child:
    """A process of ours with its own log file, session and process group.

    The kernel sends it `death_signal` when the THREAD that spawned it ends: spawn from a thread that lives as long as the child should.
    None makes it a daemon that outlives us.
    """

    def __init__(self, process: subprocess.Popen[bytes], *, name: str, log: Path) -> None:
        self._process = process
        self.name = name
        self.log = log

    @classmethod
    def spawn(
        cls,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        run_as: Identity | None = None,
        death_signal: Signals | None = SIGKILL,
    ) -> Child:
        """Starts `command` (no shell), named after its log; `env` None inherits ours.

        A command that can't be executed says so in the log and exits with 1.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(death_signal or 0)), str(run_as or "-")]
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - a list, never a shell; the callers are ours
                [*launcher, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        return cls(process, name=log.stem, log=log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def id(self) -> ProcessId | None:
        """For a state file; None once it has ended."""
        return ProcessId.of(self.pid)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; −N if signal N ended it."""
        return self._process.poll()

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Its exit code; TimeoutError if it still runs after that time."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} (pid {self.pid}) still runs after {timeout_seconds:g} s") from None

    def send(self, number: Signals) -> None:
        """Nothing happens if it has ended."""
        self._process.send_signal(number)

    def stop(self, *, grace_seconds: float = 10, first_signal: Signals = SIGTERM) -> int:
        """Asks with `first_signal`, waits, then kills whatever is left of its process group. Its exit code."""
        if self._process.returncode is None:
            self._process.send_signal(first_signal)
        if self._process.returncode is None:
            self._wait_unreaped(grace_seconds)
        self._kill_group()
        return self._process.wait()

    def kill(self) -> int:
        """SIGKILL to the whole group, at once."""
        return self.stop(grace_seconds=0, first_signal=SIGKILL)

    def expect_success(self, *, within_seconds: float) -> None:
        """For a command that should do something and end."""
        try:
            code = self.wait(within_seconds)
        except TimeoutError as error:
            self.kill()
            raise SandboxError(str(error)) from None
        if code != 0:
            raise SandboxError(f"{self.name} ended with {code}: {self.last_words()}")

    def last_words(self, lines: int = 5) -> str:
        """The end of its log, for an error message."""
        return last_lines(self.log, lines)

    def _kill_group(self) -> None:
        """A group's number stays taken while it has members; only if the leader is reaped and somebody else got its pid it isn't ours."""
        if self._process.returncode is not None and Path(f"/proc/{self.pid}").exists():
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, SIGKILL)

    def _wait_unreaped(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        descriptor = os.pidfd_open(self.pid)
        try:
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        finally:
            os.close(descriptor)


def last_lines(log: Path, lines: int) -> str:
    """The last lines of a log, joined to one; reads no more than its last 8 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return f"(no log at {log})"
    return " | ".join(text.strip().splitlines()[-lines:]) or f"(nothing in {log})"


def stop_by_id(target: ProcessId, *, grace_seconds: float) -> bool:
    """Stops a process that may not be our child: SIGTERM, wait, SIGKILL. False: it was gone already."""
    try:
        descriptor = os.pidfd_open(target.pid)
    except ProcessLookupError:
        return False
    try:
        if not target.send(SIGTERM):
            return False
        if not select.select([descriptor], [], [], grace_seconds)[0]:
            target.send(SIGKILL)
            select.select([descriptor], [], [], 5)
    finally:
        os.close(descriptor)
    return True
