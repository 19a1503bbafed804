"""Draws and whole plans stay what they were: a run planned today is computed the same way tomorrow."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from simulation_core.plan import PLAN_VERSION, make_plan
from simulation_core.plan.contacts import contacts_for, contacts_of, total_contacts
from simulation_core.spec import Method, Range, parse_spec

START_MS = 1_805_846_400_000  # 2027-03-24T00:00Z; the window below holds Europe's change to summer time
WINDOW_MS = 14 * 86_400_000
# Of 10,001 records of each method with its defaults, every hundredth offset. A difference above 1 ms is a new PLAN_VERSION.
GOLDEN = json.loads((Path(__file__).parent / "golden_plans.json").read_text())
# sha256 of all int64 offsets, little endian: on the pinned build they are equal to the bit
BITWISE = {
    (1, "Linear"): "ba8efabfd9c691212f76b5450db291fcc849c5a29c0be642c38a1fec63dc6484",
    (1, "BellCurve"): "b27c635d00dfcc95f2adee66f993d0d9860567ddd1b31c42b6e1b0d138144d55",
}


def test_one_record_asked_alone_gets_what_it_gets_among_all() -> None:
    among_all = contacts_for(7, np.arange(1_000), 1, 5)
    assert [contacts_of(7, record, 1, 5) for record in range(1_000)] == among_all.tolist()
    assert total_contacts(7, 1_000, Range(min=1, max=5)) == among_all.sum()


def test_counts_are_spread_evenly_and_differ_by_seed() -> None:
    counts = np.bincount(contacts_for(7, np.arange(60_000), 0, 5))
    assert len(counts) == 6
    assert abs(counts - 10_000).max() < 400
    assert contacts_for(8, np.arange(50), 0, 5).tolist() != contacts_for(7, np.arange(50), 0, 5).tolist()


def golden_offsets(version: int, method: str, working: bool) -> list[int]:
    """How golden_plans.json was made."""
    points = {"custom": {"points": [{"percent": 0, "weight": 1}, {"percent": 40, "weight": 9}, {"percent": 100, "weight": 0}]}}
    distribution = {
        "method": method,
        "timeZone": "Europe/Berlin",
        **(points if method == "Custom" else {}),
        **({"workingTime": {"holidays": ["2027-03-29"]}} if working else {}),
    }
    spec = parse_spec({"scenario": "B2C", "totalRecords": 10_001, "durationSeconds": WINDOW_MS // 1000, "distribution": distribution})
    plan = make_plan(spec, start_ms=START_MS, window_ms=WINDOW_MS, seed=42, version=version)
    return plan.offsets_ms[::100].tolist()


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['version']}-{case['method']}{'-working' if case['working'] else ''}")
def test_a_plan_of_each_version_stays_what_it_was(case: dict) -> None:
    offsets = golden_offsets(case["version"], case["method"], case["working"])
    assert np.abs(np.array(offsets) - case["offsets"]).max() <= 1


def test_every_method_of_the_current_version_has_a_golden_plan() -> None:
    assert {(case["method"], case["working"]) for case in GOLDEN if case["version"] == PLAN_VERSION} == {
        (method.value, working) for method in Method for working in (False, True)
    }


@pytest.mark.parametrize(
    "distribution",
    [{"method": "Linear"}, {"method": "BellCurve", "bellCurve": {"peakPercent": 30, "spreadPercent": 10}}],
    ids=lambda each: each["method"],
)
def test_a_plan_of_this_version_stays_bit_for_bit(distribution: dict) -> None:
    spec = parse_spec({"scenario": "B2C", "totalRecords": 10_000, "durationSeconds": 86_400, "distribution": distribution})
    offsets = make_plan(spec, start_ms=0, window_ms=86_400_000, seed=42).offsets_ms
    digest = hashlib.sha256(offsets.astype("<i8").tobytes()).hexdigest()
    assert digest == BITWISE[PLAN_VERSION, distribution["method"]]
