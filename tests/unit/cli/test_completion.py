"""Shells complete commands, options and the values of -o, once the user has installed what `--show-completion` prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLUSTER = ["list", "wait", "watch", "report", "suspend", "resume", "cancel", "retry", "verify", "portals", "logs"]
PROGRAM = Path(sys.executable).with_name("kubectl-simulation")


def completed(words: str) -> list[str]:
    """What bash would offer for the last word."""
    asked = {"_KUBECTL_SIMULATION_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    return subprocess.run([PROGRAM], env={**os.environ, **asked}, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("kubectl-simulation ", ["plan", "sample", *CLUSTER]),
        ("kubectl-simulation plan -o ", ["text", "json", "png"]),
        ("kubectl-simulation sample -o j", ["json"]),
        ("kubectl-simulation plan --ag", ["--against"]),
    ],
)
def test_bash_is_offered(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["plan", "-o", ""], ["text", "json", "png", ":0"]),
        (["pl"], ["plan", ":0"]),
        ([""], ["plan", "sample", *CLUSTER, ":0"]),
        (["plan", "-f", ""], [":0"]),
    ],
)
def test_kubectl_is_offered_the_same(words: list[str], offered: list[str]) -> None:
    program = PROGRAM.with_name("kubectl_complete-simulation")
    assert subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout.split() == offered


def test_the_shells_script_is_printed() -> None:
    """The shell is that from which the command runs."""
    asked = ["bash", "-c", f"'{PROGRAM}' --show-completion; exit $?"]
    assert "complete -o default" in subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def test_completion_installs_into_the_users_home(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run(["bash", "-c", f"'{PROGRAM}' --install-completion; exit $?"], env=environment, capture_output=True, check=True)
    assert "kubectl-simulation" in (tmp_path / ".bashrc").read_text()


def test_what_only_some_commands_need_is_not_loaded_for_all() -> None:
    program = "import simulation_cli.main, sys; print(sorted({'faker', 'kubernetes', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"
