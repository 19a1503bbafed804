"""What runs beside a measurement must not fail unnoticed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from simulation_bench import portals
from simulation_bench.processes import environment, running

WAITS = (sys.executable, "-c", "import time; time.sleep(60)")


def test_a_process_is_ended_with_what_it_runs_beside() -> None:
    with running(WAITS) as process:
        assert process.poll() is None
    assert process.returncode == -15


def test_one_that_fails_meanwhile_fails_the_measurement() -> None:
    with (
        pytest.raises(ChildProcessError, match="failed with exit code 3"),
        running((sys.executable, "-c", "raise SystemExit(3)")) as process,
    ):
        process.wait()


def test_one_that_was_killed_does_not() -> None:
    with running(WAITS) as process:
        process.kill()
        process.wait()


def test_workers_are_sent_to_the_emulator_with_a_token(tmp_path: Path) -> None:
    told = environment(tmp_path, database="postgresql://", redis="redis://", hubspot="http://127.0.0.1:1")
    (portal,) = yaml.safe_load(Path(told["SIMULATION_PORTALS_FILE"]).read_text())["portals"]
    assert (portal["name"], portal["url"]) == (portals.PORTAL, "http://127.0.0.1:1")
    assert Path(told["SIMULATION_PORTAL_TOKENS_DIR"], portals.PORTAL).read_text() == portals.TOKEN
