from __future__ import annotations

import os
import sys
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from simulation_sandbox.errors import SandboxError
from simulation_sandbox.identity import dropped_identity, place_for
from simulation_sandbox.processes import Child, ProcessId, stop_by_id
from simulation_sandbox.waiting import wait_for

IGNORES_SIGTERM = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
HAS_A_CHILD = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
SPAWNS_AND_WAITS = """
import pathlib, sys, time
from simulation_sandbox.processes import Child
print(Child.spawn(["sleep", "600"], log=pathlib.Path(sys.argv[1])).pid, flush=True)
time.sleep(600)
"""


def python(code: str, log: Path, *arguments: object) -> Child:
    return Child.spawn([sys.executable, "-c", code, *map(str, arguments)], log=log)


def first_line(child: Child) -> str:
    return wait_for(lambda: child.log.read_text().partition("\n")[0] or None, what=f"a line of {child.name}", within_seconds=10)


def gone(pid: int) -> bool:
    return ProcessId.of(pid) is None


def test_a_command_that_fails_says_so_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = python("import sys; sys.exit('no such luck')", tmp_path / "luck.log")
    with pytest.raises(SandboxError, match=r"luck ended with 1: no such luck"):
        child.expect_success(within_seconds=10)


def test_a_command_that_does_not_exist_is_an_exit_code_and_a_line_in_the_log(tmp_path: Path) -> None:
    child = Child.spawn([tmp_path / "nothing"], log=tmp_path / "nothing.log")
    assert child.wait(10) == 1
    assert "No such file" in child.last_words()


def test_stopping_asks_first(tmp_path: Path) -> None:
    child = Child.spawn(["sleep", "600"], log=tmp_path / "sleep.log")
    wait_for(lambda: b"sleep" in Path(f"/proc/{child.pid}/comm").read_bytes(), what="the exec", within_seconds=10)
    assert child.stop(grace_seconds=10) == -SIGTERM
    assert child.stop() == -SIGTERM


def test_what_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = python(IGNORES_SIGTERM, tmp_path / "deaf.log")
    first_line(child)
    assert child.stop(grace_seconds=0.2) == -SIGKILL


def test_grandchildren_go_with_the_group(tmp_path: Path) -> None:
    child = python(HAS_A_CHILD, tmp_path / "family.log")
    grandchild = int(first_line(child))
    child.stop()
    wait_for(lambda: gone(grandchild), what="the grandchild to go", within_seconds=10)


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = python(SPAWNS_AND_WAITS, tmp_path / "parent.log", tmp_path / "child.log")
    child = int(first_line(parent))
    assert not gone(child)
    os.kill(parent.pid, SIGKILL)  # not parent.kill(), which kills the group too
    parent.wait(10)
    wait_for(lambda: gone(child), what="the orphan to go", within_seconds=10)


def test_a_pid_used_again_is_another_process(tmp_path: Path) -> None:
    child = Child.spawn(["sleep", "600"], log=tmp_path / "sleep.log")
    assert child.id is not None
    earlier = ProcessId(pid=child.pid, start_ticks=child.id.start_ticks - 1)
    assert not earlier.alive
    assert not stop_by_id(earlier, grace_seconds=1)
    assert child.alive
    assert stop_by_id(child.id, grace_seconds=10)
    assert child.wait(10) < 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has an identity to drop")
def test_root_drops_its_identity_and_still_takes_the_child_along(tmp_path: Path) -> None:
    child = Child.spawn(["sleep", "600"], log=tmp_path / "sleep.log", run_as=dropped_identity())
    status = Path(f"/proc/{child.pid}/status")
    wait_for(lambda: "Uid:\t0" not in status.read_text(), what="the identity to be dropped", within_seconds=10)
    child.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops its identity")
def test_a_folder_nobody_else_may_enter_is_replaced_by_one_in_the_temp_dir(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert place_for(private / "data", dropped_identity()) != private / "data"
    assert place_for(private / "data", None) == private / "data"
