"""`kubectl simulation plan`: no cluster, every record's time, and a refusal that names the field."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulation_cli import main

MANIFEST = """
apiVersion: simulation-operator.dev/v1alpha1
kind: Simulation
metadata: {name: spring-launch}
spec:
  scenario: B2B
  totalRecords: 4
  startTime: 2026-12-01T08:00:00Z
  durationSeconds: 4
  distribution: {method: Linear}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "simulation.yaml"
    path.write_text(MANIFEST)
    return path


def run(*arguments: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of the console script."""
    monkeypatch.setattr("sys.argv", ["kubectl-simulation", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0)


def test_times_prints_one_moment_a_record_in_order(manifest: Path) -> None:
    result = CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "--times"])
    assert result.output.splitlines() == [f"2026-12-01T08:00:0{second}.500Z" for second in range(4)]


def test_json_has_what_the_design_promises(manifest: Path) -> None:
    shown = json.loads(CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "json"]).output)
    assert (shown["records"], shown["batches"], shown["objects"]) == (4, 4 // 2, {"companies": 4, "contacts": 4, "deals": 0})
    assert (shown["startTime"], shown["endTime"]) == ("2026-12-01T08:00:00.000Z", "2026-12-01T08:00:04.000Z")
    assert (shown["peakRecordsPerMinute"], sum(shown["histogram"]), shown["feasible"]) == (4, 4, True)


def test_a_manifest_may_come_from_standard_input() -> None:
    result = CliRunner().invoke(main.app, ["plan", "-f", "-"], input=MANIFEST)
    assert "4 records (4 companies, 4 contacts) in 2 batches" in result.output


def test_more_than_the_portal_allows_is_said(manifest: Path) -> None:
    manifest.write_text(MANIFEST.replace("totalRecords: 4", "totalRecords: 4000"))
    result = CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "--calls-per-10s", "1"])
    assert "NOT feasible" in result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MANIFEST.replace("totalRecords: 4", "totalRecords: 0"), "spec.totalRecords"),
        (MANIFEST.replace("kind: Simulation", "kind: Pod"), "needs exactly one Simulation"),
        (
            MANIFEST.replace("{method: Linear}", "{method: Linear, workingTime: {startHour: 3, endHour: 4}}"),
            "spec.distribution.workingTime: no working time",
        ),
        ("a: [", "is not YAML"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_one(
    manifest: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest.write_text(text)
    assert run("plan", "-f", manifest, monkeypatch=monkeypatch) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "-f", tmp_path / "none.yaml", monkeypatch=monkeypatch) == 1
    assert "none.yaml can't be read" in capsys.readouterr().err
