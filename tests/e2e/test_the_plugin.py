"""`kubectl simulation` beside an operator that is really installed: found by kubectl, and each answer taken from the cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def plugin(cluster: Any, runs: Any) -> Callable[..., str]:
    """What a command prints, in the test's namespace; its exit code has to be 0."""
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.layout.kubeconfig)}

    def call(command: str, *arguments: str) -> str:
        line = [programs / "kubectl", "simulation", command, *arguments, "-n", runs.namespace]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=150, check=False)
        assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    return call


def test_a_run_is_steered_followed_and_kept_with_the_plugin_alone(runs: Any, simulation: Any, plugin: Callable[..., str]) -> None:
    runs.apply(simulation())
    assert "run is Suspended" in plugin("suspend", "run", "--wait", "--timeout", "60s")
    (listed,) = json.loads(plugin("list", "-o", "json"))["items"]
    assert (listed["name"], listed["phase"]) == ("run", "Suspended")
    plugin("resume", "run", "--wait", "--timeout", "60s")
    assert "run Completed 100% (20 of 20" in plugin("watch", "run").splitlines()[-1]
    assert "run is Complete" in plugin("wait", "run", "--timeout", "60s")
    assert "run is Verified: Found as delivered: 20 contacts" in plugin("verify", "run", "--wait", "--timeout", "90s")
    portals = {each["name"]: each for each in json.loads(plugin("portals", "-o", "json"))["portals"]}
    assert (portals["default"]["accountId"], portals["default"]["configured"]["callsPerTenSeconds"]) == (424242, 190)
    assert f"accepted {runs.namespace}/run (" in plugin("logs", "run", "-c", "operator")
    report = runs.folder / "report.html"
    plugin("report", "run", "-o", str(report))
    assert "20 of 20 records were delivered" in report.read_text()
