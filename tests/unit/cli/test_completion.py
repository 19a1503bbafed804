"""Shells complete commands, options and the values of -o, once the user has installed what `--show-completion` prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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
        (["plan", "-o", ""], ["text", "json", "png", ":4"]),
        (["pl"], ["plan", ":4"]),
        ([""], ["plan", "sample", *CLUSTER, ":4"]),
        (["wait", "--for", "Su"], ["Suspended", ":4"]),
        (["suspend", "--context", "p"], ["play", ":4"]),
        (["suspend", "--context", "elsewhere", "-n", ""], [":4"]),
        (["plan", "-f", ""], [":0"]),  # a file: the shell knows those
        (["list", "--kubeconfig=./"], [":0"]),
        (["report", "launch", "-o", ""], [":0"]),
    ],
)
def test_kubectl_offers_what_the_plugin_does(words: list[str], offered: list[str], tmp_path: Path) -> None:
    """The real kubectl, as its completion in a shell calls it. It takes the directive off and repeats it."""
    there = {"clusters": [], "users": [], "contexts": [{"name": name, "context": {"cluster": "x"}} for name in ("work", "play")]}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(there))
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "KUBECONFIG": str(tmp_path / "kubeconfig")}
    for program in ([PROGRAM.with_name("kubectl_complete-simulation")], [PROGRAM.with_name("kubectl"), "__complete", "simulation"]):
        answer = subprocess.run([*program, *words], env=environment, capture_output=True, text=True, check=True)
        assert answer.stdout.splitlines() == offered


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
