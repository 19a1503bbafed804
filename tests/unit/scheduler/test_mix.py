"""How many records a batch has is judged by what may wait in the queue now."""

from __future__ import annotations

import uuid

import pytest

from simulation_core.ledger.offers import Offers
from simulation_core.ledger.values import Offer
from simulation_operator.scheduler.mix import Mix

NOW_MS = 1_795_000_000_000


def batches(count, *, records, portal="east", in_ms=0):
    return Offers.of(
        (Offer(simulation_id=uuid.UUID(int=1), batch=batch, attempt=1, portal=portal, due_ms=NOW_MS + in_ms), records)
        for batch in range(count)
    )


def test_nothing_is_known_before_anything_was_seen():
    assert Mix().records_a_batch(NOW_MS) == {}


def test_what_falls_due_within_seconds_counts_by_its_batches():
    mix = Mix()
    mix.saw_upcoming(batches(99, records=1, in_ms=500))
    mix.saw_upcoming(batches(1, records=100, in_ms=1_000))
    mix.saw_upcoming(batches(4, records=7, portal="west"))
    assert mix.records_a_batch(NOW_MS) == pytest.approx({"east": 1.99, "west": 7.0})


def test_a_burst_that_comes_later_doesnt_count_before_it_comes():
    mix = Mix()
    mix.saw_upcoming(batches(10, records=1, in_ms=1_000))
    mix.saw_upcoming(batches(10_000, records=100, in_ms=40_000))
    assert mix.records_a_batch(NOW_MS) == {"east": 1.0}
    assert mix.records_a_batch(NOW_MS + 39_000) == {"east": 100.0}


def test_what_is_overdue_counts_as_long_as_it_is():
    mix = Mix()
    mix.saw_upcoming(batches(1, records=1, in_ms=1_000))
    mix.saw_overdue("east", batches(1, records=3), is_behind=False)
    assert mix.records_a_batch(NOW_MS) == {"east": 2.0}
    mix.saw_overdue("east", batches(0, records=1), is_behind=False)
    assert mix.records_a_batch(NOW_MS) == {"east": 1.0}


def test_a_portal_that_is_behind_is_judged_by_what_is_overdue_alone_for_that_is_what_it_gets():
    mix = Mix()
    mix.saw_upcoming(batches(10_000, records=1, in_ms=1_000))
    mix.saw_overdue("east", batches(38, records=100), is_behind=True)
    assert mix.records_a_batch(NOW_MS) == {"east": 100.0}
