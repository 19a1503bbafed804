"""`kubectl simulation plan`: no cluster, every record's time, and a refusal that names the field."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulation_cli import main
from simulation_cli.planning import Tier
from simulation_core.portals import TIERS

Ended = Callable[..., tuple[int, str]]


def test_times_prints_one_moment_a_record_in_order(manifest: Path) -> None:
    result = CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "--times"])
    assert result.output.splitlines() == [f"2037-12-01T08:00:0{second}.500Z" for second in range(4)]


def test_json_has_what_the_design_promises(manifest: Path) -> None:
    shown = json.loads(CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "json"]).output)
    assert (shown["records"], shown["batches"], shown["objects"]) == (4, 4 // 2, {"companies": 4, "contacts": 4, "deals": 0})
    assert (shown["startTime"], shown["endTime"]) == ("2037-12-01T08:00:00.000Z", "2037-12-01T08:00:04.000Z")
    assert (shown["peakRecordsPerMinute"], sum(shown["histogram"]), shown["feasible"]) == (4, 4, True)


def test_a_manifest_may_come_from_standard_input(manifest: Path) -> None:
    result = CliRunner().invoke(main.app, ["plan", "-f", "-"], input=manifest.read_text())
    assert "4 records (4 companies, 4 contacts) in 2 batches" in result.output


def test_more_than_the_portal_allows_is_said(manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("totalRecords: 4", "totalRecords: 4000"))
    result = CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "--calls-per-10s", "1"])
    assert "NOT feasible" in result.output


def test_text_draws_the_plan_between_what_it_is_and_whether_it_fits(manifest: Path) -> None:
    lines = CliRunner().invoke(main.app, ["plan", "-f", str(manifest)], env={"COLUMNS": "100"}).output.splitlines()
    assert lines[:3] == [
        "4 records (4 companies, 4 contacts) in 2 batches",
        "from 2037-12-01T08:00:00.000Z to 2037-12-01T08:00:04.000Z, at most 4 a minute",
        "records in each 100 ms (times in UTC)",
    ]
    assert lines[3].startswith("1 ┤          ██                  ██")
    assert lines[14:18] == [
        "HubSpot   6 calls; 6 of 100 (6 %) in the fullest ten seconds, 6 of 250000 (less than 1 %) in the fullest day",
        "model     no calls, no tokens: the content comes from Faker, unless the installation has a model and lets it write by default",
        "workers   1 at the peak; the operator asks for them 15 s ahead, up to worker.maximum",
        "feasible",
    ]


def test_json_says_what_the_plan_takes(manifest: Path) -> None:
    shown = json.loads(CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "json"]).output)
    assert shown["hubspotCalls"] == {"total": 6, "perTenSeconds": 6, "perTenSecondsPercent": 6, "perDay": 6, "perDayPercent": 1}
    assert (shown["workersAtPeak"], shown["model"], shown["wouldDo"]) == (1, {"calls": 0, "tokens": 0}, None)


@pytest.mark.parametrize(
    ("content", "calls", "tokens", "words"),
    [
        ("{source: Faker}", 0, 0, "no calls, no tokens: the content comes from Faker"),
        ("{source: OpenAI}", 1, 1420, "1 calls, about 1420 tokens, more with a model that thinks first"),
        ("{source: OpenAI, maxTokens: 1000}", 1, 1000, "1 calls, about 1000 tokens, more with a model that thinks first"),
    ],
)
def test_what_a_language_model_would_take_is_estimated(manifest: Path, content: str, calls: int, tokens: int, words: str) -> None:
    manifest.write_text(manifest.read_text() + f"  content: {content}\n")
    shown = json.loads(CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "json"]).output)
    assert shown["model"] == {"calls": calls, "tokens": tokens}
    assert f"model     {words}" in CliRunner().invoke(main.app, ["plan", "-f", str(manifest)]).output.splitlines()


def test_what_is_not_feasible_says_by_how_much_and_what_would_do(manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("totalRecords: 4", "totalRecords: 3000"))
    asked = ["plan", "-f", str(manifest), "--calls-per-10s", "30"]
    lines = CliRunner().invoke(main.app, asked).output.splitlines()
    said = lines[lines.index("Each of these alone would do:") - 1 :]
    assert said[0].startswith("NOT feasible: The fullest ten seconds need 90 calls, and the portal has 30: records will be up to ")
    would_do = json.loads(CliRunner().invoke(main.app, [*asked, "-o", "json"]).output)["wouldDo"]
    assert said[2] == f"  durationSeconds: {would_do['durationSeconds']}"
    assert said[3] == "  a portal with 90 calls in ten seconds (tier free)"
    manifest.write_text(manifest.read_text().replace("durationSeconds: 4", f"durationSeconds: {would_do['durationSeconds']}"))
    assert "feasible" in CliRunner().invoke(main.app, asked).output.splitlines()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("totalRecords: 4", "totalRecords: 0", "spec.totalRecords"),
        ("kind: Simulation", "kind: Pod", "needs exactly one Simulation"),
        ("apiVersion:", "a: [", "is not YAML"),
        ("{method: Linear}", "{method: Linear, workingTime: {startHour: 3, endHour: 4}}", "spec.distribution.workingTime: no working time"),
        ("scenario: B2B", "scenario: B2B\n  colour: red", "spec.colour: is not a field of a Simulation"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_one(manifest: Path, right: str, wrong: str, said: str, ended_with: Ended) -> None:
    manifest.write_text(manifest.read_text().replace(right, wrong))
    code, error = ended_with("plan", "-f", manifest)
    assert (code, error.count("\n")) == (1, 1)
    assert said in error


def test_a_window_that_is_over_is_said(manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("2037-12-01", "2024-12-01"))
    lines = CliRunner().invoke(main.app, ["plan", "-f", str(manifest)]).output.splitlines()
    assert lines[-1] == "note: the window is over: applied now, the Simulation would fail with reason WindowPassed"


@pytest.mark.parametrize(
    ("policy", "fate"), [("CatchUp", "would be delivered at once"), ("Skip", "would be skipped"), ("Shift", "would move the whole plan")]
)
def test_what_was_due_before_now_is_said_with_what_becomes_of_it(manifest: Path, policy: str, fate: str) -> None:
    spec = f'startTime: "2024-12-01T08:00:00Z"\n  missedRecords: {policy}'
    text = manifest.read_text().replace("startTime: 2037-12-01T08:00:00Z", spec).replace("durationSeconds: 4", "durationSeconds: 316224000")
    manifest.write_text(text)
    notes = json.loads(CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "json"]).output)["notes"]
    assert len(notes) == 1
    assert notes[0].startswith("1 records were due before now: applied now, they " + fate)


def test_a_shape_that_lies_outside_working_time_is_said(manifest: Path) -> None:
    distribution = "{method: Bursts, bursts: {count: 2, backgroundPercent: 0}, workingTime: {startHour: 0, endHour: 12, days: [Tuesday]}}"
    text = manifest.read_text().replace("{method: Linear}", distribution).replace("durationSeconds: 4", "durationSeconds: 43200")
    manifest.write_text(text.replace("2037-12-01T08:00:00Z", "2037-12-01T06:00:00Z"))
    notes = json.loads(CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "json"]).output)["notes"]
    assert notes == ["only 50% of the method's shape lies in working time; all records fall into that part"]


def test_a_tier_brings_its_limits_and_a_limit_of_ones_own_goes_before(manifest: Path) -> None:
    def limits(*asked: str) -> str:
        return CliRunner().invoke(main.app, ["plan", "-f", str(manifest), *asked]).output.splitlines()[-1]

    assert limits().startswith("(with 100 calls in ten seconds and 250000 a day")
    assert limits("--tier", "professional").startswith("(with 190 calls in ten seconds and 625000 a day")
    assert limits("--tier", "professional", "--calls-per-day", "7").startswith("(with 190 calls in ten seconds and 7 a day")


def test_every_tier_can_be_named() -> None:
    assert {tier.value for tier in Tier} == TIERS.keys()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--calls-per-day", "1000000000"], "--calls-per-day"),
        (["--calls-per-10s", "100000"], "--calls-per-10s"),
        (["--times", "-o", "json"], "--times prints one time a line"),
        (["--namespace", "team"], "only --against asks a cluster"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_a_line(manifest: Path, asked: list[str], said: str, ended_with: Ended) -> None:
    code, error = ended_with("plan", "-f", manifest, *asked)
    assert code == 2
    assert said in error
    assert "Traceback" not in error


def test_a_missing_file_is_named(tmp_path: Path, ended_with: Ended) -> None:
    code, error = ended_with("plan", "-f", tmp_path / "none.yaml")
    assert code == 1
    assert "none.yaml can't be read" in error


@pytest.mark.parametrize("kubeconfig", ["", "a: [", "kind: Config"])
def test_without_a_kubeconfig_there_is_no_cluster_to_compare_with(
    manifest: Path, tmp_path: Path, kubeconfig: str, ended_with: Ended
) -> None:
    (tmp_path / "kubeconfig").write_text(kubeconfig)
    code, error = ended_with("plan", "-f", manifest, "--against", "spring-launch", "--kubeconfig", tmp_path / "kubeconfig")
    assert (code, error.count("\n")) == (3, 1)
    assert "/kubeconfig can't be used: " in error


def test_help_lists_the_exit_codes() -> None:
    said = " ".join(CliRunner().invoke(main.app, ["--help"]).output.split())
    assert "4 the cluster has no Simulation of that name" in said


def test_an_output_without_block_characters_gets_question_marks(manifest: Path) -> None:
    program = Path(sys.executable).with_name("kubectl-simulation")
    plain = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    shown = subprocess.run([program, "plan", "-f", manifest], env=plain, capture_output=True, check=True).stdout
    assert b"1 ?          ??" in shown


def test_a_locale_that_faker_does_not_know_is_said(manifest: Path) -> None:
    manifest.write_text(manifest.read_text() + "  content: {locale: en_ZZ}\n")
    notes = json.loads(CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "json"]).output)["notes"]
    assert notes == ["spec.content.locale: Faker doesn't know en_ZZ; the records are made with en_US."]
