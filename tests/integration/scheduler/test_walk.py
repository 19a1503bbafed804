"""In which order what lies ahead is walked through, where it takes many pages."""

from __future__ import annotations

import pytest

from simulation_core.ledger import dispatch
from simulation_operator.scheduler import walk
from simulation_operator.scheduler.walk import Walk

HORIZON_MS = 320_000
RINGS_MS = [15_000, 30_000, 60_000, 120_000, 240_000]  # a moment in each
DENSE, SPARSE = 100, 4


@pytest.fixture
def walked(engine, ledger, monkeypatch):
    """Walks through a dense run, all of it due soon, and some that go on for minutes; returns the rings of its offers, in order."""
    monkeypatch.setattr(walk, "PAGE", 10)
    dense = ledger.publish(*range(10_000, 10_000 + DENSE))
    for _ in range(SPARSE):
        ledger.publish(*RINGS_MS)

    def go():
        offered = []

        def offer(offers):
            offered.extend(0 if each.simulation_id == dense else each.batch for each in offers)
            return len(offers)

        walking = Walk(engine, offer, horizon_ms=HORIZON_MS)
        walking.begin_anew()
        while not walking.complete:
            walking.go_on(["east"], seconds=0.0)
        return offered

    return go


def test_all_that_is_due_soon_comes_before_what_is_due_later(walked, monkeypatch):
    monkeypatch.setattr(walk, "NEAR_MS", 20_000)
    assert walked() == [0] * (DENSE + SPARSE) + [ring for ring in range(1, len(RINGS_MS)) for _ in range(SPARSE)]


def test_with_one_ring_the_others_minutes_would_come_before_a_dense_runs_seconds(walked, monkeypatch):
    monkeypatch.setattr(walk, "NEAR_MS", HORIZON_MS)
    offered = walked()
    assert len(offered) == DENSE + SPARSE * len(RINGS_MS)
    assert offered.index(len(RINGS_MS) - 1) < DENSE


def test_where_only_the_end_of_the_horizon_is_new_no_nearer_ring_is_read_again(engine, ledger, monkeypatch):
    monkeypatch.setattr(walk, "PAGE", 10)
    ledger.publish(*range(200_000, 200_025))
    walking = Walk(engine, len, horizon_ms=HORIZON_MS)
    reaches = []
    page = dispatch.page

    def asked(*given, **named):
        reaches.append(named["horizon_ms"])
        return page(*given, **named)

    monkeypatch.setattr(dispatch, "page", asked)
    assert walking.go_on(["east"], seconds=60.0) == 25
    assert reaches == [HORIZON_MS, 256_000, 256_000, HORIZON_MS]


def test_a_run_that_is_published_in_the_middle_of_a_walk_is_taken_nearest_first_as_well(engine, ledger, monkeypatch):
    monkeypatch.setattr(walk, "PAGE", 10)
    monkeypatch.setattr(walk, "NEAR_MS", 20_000)
    for _ in range(SPARSE):
        ledger.publish(*range(200_000, 200_000 + DENSE))
    offered = []

    def offer(offers):
        offered.extend(each.simulation_id for each in offers)
        return len(offers)

    walking = Walk(engine, offer, horizon_ms=HORIZON_MS)
    walking.begin_anew()
    while not offered:
        walking.go_on(["east"], seconds=0.0)
    dense = ledger.publish(*range(10_000, 10_000 + DENSE))
    while offered.count(dense) < DENSE:
        walking.go_on(["east"], seconds=0.0)
    assert len(offered) < 2 * DENSE
    while not walking.complete:
        walking.go_on(["east"], seconds=0.0)
    assert len(offered) == (SPARSE + 1) * DENSE
