"""What the rate of a round is, what counts as lost and as doubled, and that a fault which befell nobody fails the measurement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from simulation_bench import hubspot
from simulation_bench.hubspot import faults, slow_model
from simulation_bench.hubspot.behind import Span
from simulation_bench.hubspot.crm import Crm, Judged, judge
from simulation_bench.hubspot.faulty import Faulty, shapes, with_ledger
from simulation_bench.hubspot.rate import Throughput, sustained
from simulation_bench.peer import Peer

PRESENT = Peer(folder=Path())
ABSENT = Peer(folder=Path(), absent="node not on the PATH")
EVERY_KIND_HIT = dict.fromkeys(faults.KINDS, 2)


def crm(*, companies: Sequence[str] = ("r-0-c", "r-1-c"), contacts: Sequence[str] = ("r-0-p0", "r-1-p0"), joined: str = "00 11") -> Crm:
    """Ids are places in these: the company of "01" is the first, its contact the second."""
    return Crm(
        companies={f"c{place}": key for place, key in enumerate(companies)},
        contacts={f"p{place}": key for place, key in enumerate(contacts)},
        joined=[(f"c{pair[0]}", f"p{pair[1]}") for pair in joined.split()],
    )


def judged(found: Crm) -> tuple[int, int]:
    made = judge(["r-0", "r-1"], found)
    return made.lost, made.duplicates


def test_the_rate_is_that_between_the_first_and_the_last_arrival_within_the_time() -> None:
    hundreds = [moment_ms for moment_ms in (900, 1_100, 1_600, 2_100, 2_600) for _ in range(100)]
    assert sustained(hundreds, 1_000, 2_500) == 200


@pytest.mark.parametrize("moments_ms", [[], [500], [1_500, 1_500]], ids=["nothing", "before", "one moment"])
def test_what_has_no_rate_is_no_measurement(moments_ms: list[float]) -> None:
    with pytest.raises(ValueError, match="no rate"):
        sustained(moments_ms, 1_000, 2_000)


def test_the_warm_up_does_not_count() -> None:
    assert Span(warm_up_s=12, measured_s=30).within(5_000) == (17_000, 47_000)


def test_refused_calls_are_a_share_of_all_calls() -> None:
    assert Throughput(records_per_s=1, calls={0: 1, 200: 97, 429: 2}).percent_429 == 2


def test_throughput_says_how_hubspot_answered_and_more_is_better() -> None:
    made = hubspot.of_throughput(
        [Throughput(records_per_s=rate, calls={200: 99, 429: 1}) for rate in (800, 900, 850)],
        [Throughput(records_per_s=5, calls={201: 90, 429: 10})],
        PRESENT,
    )
    assert (made["records_per_s"].ours, made["records_per_s"].ratio) == (850, 170)
    assert (made["percent_429"].ours, made["percent_429"].peer, made["percent_429"].ratio) == (1, 10, 10)
    assert "99 × 200, 1 × 429" in made["records_per_s"].note
    assert "BullMQ: 5 records/s; calls: 90 × 201, 10 × 429" in made["records_per_s"].note


def test_without_a_peer_it_is_measured_alone() -> None:
    made = hubspot.of_throughput([Throughput(records_per_s=800, calls={200: 1})], [], ABSENT)
    assert (made["records_per_s"].peer, made["records_per_s"].ratio) == (None, None)
    assert made["records_per_s"].note.endswith("no peer: node not on the PATH")


def test_a_record_is_a_company_and_a_contact_that_belong_together() -> None:
    assert judged(crm()) == (0, 0)


@pytest.mark.parametrize(
    "found",
    [crm(companies=["r-0-c"], joined="00"), crm(contacts=["r-0-p0"], joined="00"), crm(joined="00"), crm(joined="00 10")],
    ids=["no company", "no contact", "not joined", "joined to another's"],
)
def test_a_record_that_is_not_whole_is_lost(found: Crm) -> None:
    assert judged(found) == (1, 0)


@pytest.mark.parametrize(
    "found",
    [crm(companies=["r-0-c", "r-1-c", "r-0-c"]), crm(contacts=["r-0-p0", "r-1-p0", "r-2-p0"]), crm(companies=["r-0-c", "r-1-c", ""])],
    ids=["twice", "never planned", "without a key"],
)
def test_an_object_beyond_the_plan_is_a_duplicate(found: Crm) -> None:
    assert judged(found) == (0, 1)


def test_one_lost_and_one_doubled_do_not_make_up_for_each_other() -> None:
    assert judged(crm(companies=["r-0-c", "r-0-c"], joined="00")) == (1, 1)


def test_what_the_ledger_counted_otherwise_than_the_crm_is_lost_or_doubled() -> None:
    whole = Judged(lost=0, duplicates=0)
    assert with_ledger(whole, 10, 9) == Judged(lost=1, duplicates=0)
    assert with_ledger(whole, 10, 12) == Judged(lost=0, duplicates=2)
    assert with_ledger(Judged(lost=3, duplicates=4), 10, 10) == Judged(lost=3, duplicates=4)


def test_lost_and_duplicated_are_added_and_the_worst_round_is_shown() -> None:
    rounds = [
        Faulty(judged=Judged(lost=lost, duplicates=duplicates), hits=EVERY_KIND_HIT, calls=1_000) for lost, duplicates in ((0, 0), (1, 2))
    ]
    figure = hubspot.of_faulty(rounds, rounds[:1], PRESENT)["faults_5_percent"]
    assert (figure.ours, figure.peer, figure.spread) == (3, 0, (0, 3))
    assert "44 of 2,000 calls met a fault: 4 × throttled" in figure.note


def test_a_kind_of_fault_that_befell_no_call_of_any_round_fails_the_measurement() -> None:
    missed = {**EVERY_KIND_HIT, "reset": 0}
    rounds = [Faulty(judged=Judged(lost=0, duplicates=0), hits=hits, calls=100) for hits in (missed, missed)]
    with pytest.raises(ValueError, match=r"no call met: reset$"):
        hubspot.of_faulty(rounds, [], PRESENT)
    assert hubspot.of_faulty([rounds[0], Faulty(judged=Judged(lost=0, duplicates=0), hits=EVERY_KIND_HIT, calls=9)], [], PRESENT)


def test_a_load_is_shared_by_its_runs() -> None:
    load = hubspot.LOAD
    made = shapes(load)
    assert sum(shape.records for shape in made) == load.records
    assert {shape.window_ms for shape in made} == {60_000}
    assert {shape.spec.scenario for shape in made} == {"B2B"}


@pytest.mark.parametrize(
    ("delivered_ms", "by_model"),
    [({0: 900}, {0, 1}), ({0: 900, 1: 4_001}, {0, 1}), ({0: 900, 1: 3_000}, {0})],
    ids=["never", "too late", "in Faker's words"],
)
def test_a_record_is_late_if_it_or_the_models_words_for_it_came_too_late(delivered_ms: dict[int, int], by_model: set[int]) -> None:
    assert slow_model.late([0, 2_000], delivered_ms, by_model) == 1


def test_batching_and_the_calls_make_no_record_late() -> None:
    assert slow_model.late([0, 2_000], {0: 2_000, 1: 2_001}, {0, 1}) == 0
