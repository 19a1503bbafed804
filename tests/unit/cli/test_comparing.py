"""A manifest beside what a cluster has: which fields differ, what applying it would do, and bars on one axis."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from simulation_cli.comparing import Comparison, compare
from simulation_cli.exits import CommandError
from simulation_cli.planning import Limits
from simulation_cli.resource import ClusterSimulation
from simulation_core.spec import parse_spec

UID = UUID("6f1c2a55-0000-4222-8333-444455556666")
SPEC = {"scenario": "B2B", "totalRecords": 400, "durationSeconds": 40}
STATUS = {
    "phase": "Running",
    "totalRecords": 400,
    "objects": {"companies": 400, "contacts": 400, "deals": 0},
    "startTime": "2026-12-01T08:00:00.000Z",
    "endTime": "2026-12-01T08:00:40.000Z",
    "peakRecordsPerMinute": 400,
    "recordsProcessed": 200,
    "recordsFailed": 3,
    "recordsSkipped": 0,
    "timeline": {
        "startTime": "2026-12-01T08:00:00.000Z",
        "bucketMilliseconds": 1000,
        "planned": [10] * 40,
        "delivered": [10] * 20 + [0] * 20,
    },
}


def compared(file: dict[str, Any], cluster: dict[str, Any] | None = None, status: dict[str, Any] | None = None) -> Comparison:
    """What the file says beyond SPEC, against what the cluster's says beyond SPEC."""
    there = ClusterSimulation(
        namespace="marketing", name="launch", uid=UID, spec={**SPEC, **(cluster or {})}, status=STATUS if status is None else status
    )
    return compare(parse_spec({**SPEC, **file}), Limits(ten_seconds=100, day=1000), there, now_ms=0)


def test_the_file_is_planned_from_when_the_run_began() -> None:
    shown = compared({}).shown
    assert (shown.as_json()["startTime"], shown.as_json()["histogram"]) == ("2026-12-01T08:00:00.000Z", [10] * 40)


def test_a_start_that_the_file_names_is_kept() -> None:
    assert compared({"startTime": "2026-12-02T08:00:00Z"}).shown.as_json()["startTime"] == "2026-12-02T08:00:00.000Z"


def test_the_file_is_planned_with_the_seed_of_the_clusters_uid() -> None:
    contacts = {"records": {"contactsPerCompany": {"min": 1, "max": 9}}}
    ours = compared(contacts).shown.plan.objects
    assert ours == compared({**contacts, "seed": UID.int % 2**53}).shown.plan.objects
    assert ours != compared({**contacts, "seed": 1}).shown.plan.objects


def test_defaults_written_out_are_no_difference() -> None:
    assert compared({"toleranceMilliseconds": 1000, "distribution": {"method": "Linear"}}).differences == ()


def test_a_difference_names_the_field_and_both_values() -> None:
    (difference,) = compared(
        {"distribution": {"method": "BellCurve", "bellCurve": {"peakPercent": 30}}}, {"distribution": {"method": "BellCurve"}}
    ).differences
    assert difference.as_json() == {"field": "spec.distribution.bellCurve.peakPercent", "file": 30, "cluster": 50, "frozen": True}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({}, "applying it changes nothing"),
        ({"suspend": True}, "Applying the file changes spec.suspend, and leaves the plan as it is."),
        ({"totalRecords": 500, "suspend": True}, "would be refused: frozen in a Simulation that exists: spec.totalRecords. "),
    ],
)
def test_the_sentence_says_what_applying_the_file_would_do(file: dict[str, Any], said: str) -> None:
    assert said in compared(file).sentence


def test_text_has_figures_bars_on_one_axis_and_the_fields() -> None:
    comparison = compared({"totalRecords": 800})
    assert comparison.as_lines(columns=80) == [
        "               this file                 marketing/launch (Running)",
        "records        800                       400",
        "companies      800                       400",
        "contacts       800                       400",
        "start          2026-12-01T08:00:00.000Z  2026-12-01T08:00:00.000Z",
        "end            2026-12-01T08:00:40.000Z  2026-12-01T08:00:40.000Z",
        "peak a minute  800                       400",
        "so far         –                         200 delivered, 3 failed, 0 skipped",
        "",
        "this file │████████████████████████████████████████",
        "planned   │▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄",
        "delivered │▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄",
        "          ├───────────────────┼───────────────────┤",
        "          08:00:00.000   08:00:20.000  08:00:40.000",
        "          Tue 1 Dec",
        "",
        "fields that differ  this file  cluster",
        "spec.totalRecords   800        400",
        "",
        comparison.sentence,
    ]


def test_windows_that_differ_share_an_axis() -> None:
    lines = compared({"startTime": "2026-12-01T08:00:40Z"}).as_lines(columns=80)
    bars = {line.split("│")[0].strip(): line.split("│")[1] for line in lines if "│" in line}
    assert bars["this file"] == " " * 20 + "█" * 20
    assert bars["planned"] == "█" * 20
    assert bars["delivered"] == "█" * 10


def test_a_simulation_without_a_plan_says_why() -> None:
    comparison = compared({}, status={"phase": "Planning", "message": "spec.portal: 'x' is not configured"})
    assert comparison.as_json()["planned"] is None
    assert "The cluster has no plan to compare with: spec.portal: 'x' is not configured" in comparison.as_lines(columns=80)


def test_a_simulation_that_the_operator_has_not_seen_can_be_compared() -> None:
    assert "(not seen by the operator yet)" in compared({}, status={}).as_lines(columns=80)[0]


def test_json_has_both_timelines_and_the_counts() -> None:
    against = compared({}).as_json()
    assert (against["planned"], against["delivered"]) == ([10] * 40, [10] * 20 + [0] * 20)
    assert (against["recordsProcessed"], against["recordsFailed"], against["differences"]) == (200, 3, [])


def test_a_spec_of_another_version_is_said_to_be_the_clusters() -> None:
    with pytest.raises(CommandError, match=r"marketing/launch in the cluster can't be read by this version: spec.colour"):
        compared({}, {"colour": "red"})
