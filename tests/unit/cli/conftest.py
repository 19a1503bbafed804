"""A small manifest, and the console script as a shell sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simulation_cli import main

MANIFEST = """
apiVersion: simulation-operator.dev/v1alpha1
kind: Simulation
metadata: {name: spring-launch}
spec:
  scenario: B2B
  totalRecords: 4
  startTime: 2037-12-01T08:00:00Z
  durationSeconds: 4
  distribution: {method: Linear}
"""

Ended = Callable[..., tuple[int, str]]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Four B2B records in four seconds, of a Tuesday that is far away."""
    path = tmp_path / "simulation.yaml"
    path.write_text(MANIFEST)
    return path


@pytest.fixture
def ended_with(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ended:
    """Runs the console script: its exit code, and what it said on standard error."""

    def run(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["kubectl-simulation", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return run
