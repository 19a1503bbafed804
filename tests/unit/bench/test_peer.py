"""The peer is pinned, and the bench does without it where it can't be had."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from simulation_bench import peer


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def _npm_answers(monkeypatch: pytest.MonkeyPatch, code: int, stderr: str = "") -> list[list[str]]:
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, code, stdout="", stderr=stderr)

    monkeypatch.setattr("shutil.which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr("subprocess.run", run)
    return calls


def test_its_versions_are_exact_and_its_lock_names_no_host() -> None:
    pinned = json.loads((peer.SOURCES / "package.json").read_text())["dependencies"]
    locked = json.loads((peer.SOURCES / "package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in pinned} == pinned
    assert all("integrity" in package and "resolved" not in package for path, package in locked.items() if path)


def test_without_node_there_is_none_and_it_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: None if program == "node" else program)
    said: list[str] = []
    found = peer.find(said.append)
    assert (found.absent, found.noted("all jobs")) == ("node not on the PATH", "all jobs; no peer: node not on the PATH")
    assert said == ["BullMQ is not measured: node not on the PATH"]
    assert peer.versions() is None


def test_offline_there_is_none_and_the_next_run_tries_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = "npm error code ENOTFOUND\nnpm error syscall getaddrinfo\nnpm error A complete log of this run …"
    calls = _npm_answers(monkeypatch, 1, stderr)
    assert peer.find(lambda _: None).absent == "npm could not install it: syscall getaddrinfo"
    assert peer.find(lambda _: None).absent
    assert len(calls) == 2


def test_it_is_installed_once_and_its_drivers_are_always_the_checkouts(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _npm_answers(monkeypatch, 0)
    first = peer.find(lambda _: None)
    (first.folder / "drain.mjs").write_text("an older one")
    assert peer.find(lambda _: None) == first
    assert (first.absent, len(calls)) == (None, 1)
    assert (first.folder / "drain.mjs").read_text() == (peer.SOURCES / "drain.mjs").read_text()
