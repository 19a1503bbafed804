"""What a section makes of its rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from simulation_bench import lateness, schedule
from simulation_bench.drain.limit import Limit
from simulation_bench.lateness.percentiles import percentile
from simulation_bench.lateness.starts import Rate, Started
from simulation_bench.peer import Peer
from simulation_bench.runs import Shape
from simulation_core.ledger.values import Claimed


@dataclass(frozen=True)
class _Batch:
    due_ms: Sequence[int]


PRESENT = Peer(folder=Path())
ABSENT = Peer(folder=Path(), absent="node not on the PATH")


def _ours(*, everything_s: float = 6.0) -> dict[str, Any]:
    part = {"horizon_s": 1.0, "horizon_jobs": 600, "horizon_bytes": 300_000}
    return {**part, "stored_s": 4.0, "everything_s": everything_s, "everything_jobs": 10_000, "everything_bytes": 4_000_000}


def test_scheduling_counts_the_whole_way_from_the_spec() -> None:
    theirs = [{"seconds": 10.0, "bytes": 600 * schedule.PEER_RECORDS}]
    made = schedule._of_tolerance(1000, [_ours(), _ours(everything_s=4.0), _ours(everything_s=1.0)], theirs, PRESENT)
    rate = made["records_per_s_tolerance_1000"]
    assert (rate.ours, rate.peer, rate.spread) == (125_000, 20_000, (100_000, 200_000))
    assert rate.ratio == 6.25
    assert made["horizon_records_per_s_tolerance_1000"].ours == 200_000
    assert "600 jobs" in made["horizon_records_per_s_tolerance_1000"].note


def test_fewer_bytes_a_record_are_better() -> None:
    made = schedule._of_tolerance(0, [_ours()], [{"seconds": 10.0, "bytes": 600 * schedule.PEER_RECORDS}], PRESENT)
    size = made["redis_bytes_per_record_0"]
    assert (size.ours, size.peer, size.ratio) == (4, 600, 150)


def test_without_a_peer_scheduling_is_measured_alone_and_says_why() -> None:
    made = schedule._of_tolerance(0, [_ours()], [], ABSENT)
    assert {figure.peer for figure in made.values()} == {None}
    assert all(figure.note.endswith("no peer: node not on the PATH") for figure in made.values())


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (99, 10), (1, 1), (100, 10)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, value: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_early_counts_what_started_before_it_was_due() -> None:
    assert lateness.MEASURES["early"]([-0.1, 0.0, 3.0, -2.0]) == 2


def test_starting_is_compared_at_one_rate_and_what_nobody_began_is_said() -> None:
    theirs = [Started(lateness_ms=[40.0, 80.0, 120.0], unstarted=7)]
    made = lateness.of_rounds(Rate(per_second=5_000, workers=2), lateness.AT_HIGH, [Started(lateness_ms=[1.0, 2.0, 4.0])], theirs, PRESENT)
    high = made["p99_ms_at_5000"]
    assert (high.ours, high.peer, high.ratio, high.unit) == (4, 120, 30, "ms")
    assert "5,000 records/s" in high.note
    assert "2 worker processes" in high.note
    assert "7 of 100,000 jobs" in high.note


@pytest.mark.parametrize("rate", [lateness.USUAL, lateness.HIGH], ids=["usual", "high"])
def test_no_run_is_denser_than_a_spec_may_be(rate: Rate) -> None:
    shape = Shape(records=rate.records // rate.runs, tolerance_ms=0, records_a_second=1_000, method="Linear")
    assert (rate.runs * shape.records, shape.window_ms) == (rate.records, 20_000)


def test_a_limit_is_reached_by_records_or_by_time() -> None:
    hundred = cast(list[Claimed], [_Batch(range(100))])
    few, short = Limit(records=200, seconds=3600), Limit(records=10_000, seconds=0)
    few.count(hundred)
    short.count(hundred)
    assert (few.reached.is_set(), short.reached.is_set()) == (False, True)
    few.count(hundred)
    assert few.reached.is_set()


@pytest.mark.parametrize(("tolerance_ms", "batches"), [(1000, 100), (0, 10_000)], ids=["hundreds", "singles"])
def test_an_even_thousand_a_second_makes_full_batches_or_single_records(tolerance_ms: int, batches: int) -> None:
    shape = Shape(records=10_000, tolerance_ms=tolerance_ms, method="Linear")
    assert (shape.window_ms, len(shape.plan().batches)) == (10_000, batches)
