"""Draws and whole plans stay what they were: a run planned today is computed the same way tomorrow."""

import hashlib

import numpy as np
import pytest

from simulation_core.plan import PLAN_VERSION, make_plan
from simulation_core.plan.contacts import contacts_for, contacts_of, total_contacts
from simulation_core.spec import Range, parse_spec

LINEAR = {"method": "Linear"}
BELL = {"method": "BellCurve", "bellCurve": {"peakPercent": 30, "spreadPercent": 10}}

# sha256 of the int64 offsets, little endian, on the pinned numpy; a change of any is a new PLAN_VERSION
GOLDEN = {
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


@pytest.mark.parametrize("distribution", [LINEAR, BELL], ids=lambda each: each["method"])
def test_a_plan_of_this_version_stays_bit_for_bit(distribution: dict) -> None:
    spec = parse_spec({"scenario": "B2C", "totalRecords": 10_000, "durationSeconds": 86_400, "distribution": distribution})
    offsets = make_plan(spec, window_ms=86_400_000, seed=42).offsets_ms
    digest = hashlib.sha256(offsets.astype("<i8").tobytes()).hexdigest()
    assert digest == GOLDEN[PLAN_VERSION, distribution["method"]]
