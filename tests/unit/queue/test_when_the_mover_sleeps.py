"""How long the mover sleeps follows from what it just did."""

from __future__ import annotations

import pytest

from simulation_core.queue.scheduler import LONGEST_SLEEP_SECONDS, MOVED_AT_ONCE, SHORTEST_SLEEP_SECONDS, Moved


def moved(**fields):
    return Moved(**({"moved": 0, "dropped": 0, "held": 0, "stock": 0, "next_due_seconds": None, "now_seconds": 1000.0} | fields))


def test_it_sleeps_until_the_next_job_is_due():
    assert moved(next_due_seconds=1000.125).sleep_seconds == pytest.approx(0.125)


def test_it_looks_around_now_and_then_even_if_nothing_is_due_for_long():
    assert moved(next_due_seconds=2000.0).sleep_seconds == LONGEST_SLEEP_SECONDS
    assert moved().sleep_seconds == LONGEST_SLEEP_SECONDS


def test_jobs_due_within_a_blink_move_together():
    assert moved(next_due_seconds=1000.0001).sleep_seconds == SHORTEST_SLEEP_SECONDS


def test_it_doesnt_sleep_while_more_may_be_due():
    assert moved(moved=MOVED_AT_ONCE - 3, dropped=1, held=1, stock=1, next_due_seconds=2000.0).sleep_seconds == 0
