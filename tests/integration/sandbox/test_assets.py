from __future__ import annotations

import fcntl
import threading
from typing import TYPE_CHECKING

import pytest

from simulation_sandbox import assets as module
from simulation_sandbox.assets import PROGRAMS, Assets, ensure, find, pinned_folder
from simulation_sandbox.errors import PartUnavailableError
from simulation_sandbox.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SANDBOX_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("it built")

    monkeypatch.setattr(module, "find_go", refuse)


def put_programs(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names or PROGRAMS:
        (folder / name).touch(mode=0o755)


def test_an_empty_cache_says_what_to_do() -> None:
    with pytest.raises(PartUnavailableError, match="make setup"):
        find()


@pytest.mark.usefixtures("no_build")
def test_what_was_built_once_is_used_again_in_silence() -> None:
    put_programs(pinned_folder())
    said: list[str] = []
    assert ensure(said.append) == Assets(pinned_folder())
    assert said == []


@pytest.mark.usefixtures("no_build")
def test_a_folder_of_ready_programs_skips_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_programs(tmp_path / "ready", "server", "helm", "kube-apiserver", "kube-controller-manager")
    monkeypatch.setenv("SANDBOX_ASSETS", str(tmp_path / "ready"))
    assert ensure(pytest.fail).etcd == tmp_path / "ready" / "server"


@pytest.mark.usefixtures("no_build")
def test_a_folder_that_lacks_a_program_is_named_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_programs(tmp_path / "half", "etcd", "kube-apiserver", "kube-controller-manager")
    monkeypatch.setenv("SANDBOX_ASSETS", str(tmp_path / "half"))
    with pytest.raises(PartUnavailableError, match=r"SANDBOX_ASSETS=.*half lacks helm"):
        ensure(pytest.fail)


@pytest.mark.usefixtures("no_build")
def test_a_second_build_waits_for_the_first_and_uses_what_it_made() -> None:
    folder = pinned_folder()
    folder.parent.mkdir(parents=True)
    said: list[str] = []
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=ensure, args=[said.append])
        second.start()
        wait_for(lambda: any("waiting" in line for line in said), what="the second build to wait", within_seconds=10)
        put_programs(folder)
    second.join(10)
    assert not second.is_alive()
    assert len(said) == 1
