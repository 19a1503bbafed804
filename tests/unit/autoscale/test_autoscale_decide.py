"""How many workers there are: each rule, and that the bounds hold whatever is due."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulation_operator.autoscale.decide import Demand, Observation, Reason, decide

QUIET = Observation(
    demand=Demand(due=0, due_within_lead=0), replicas=4, batches_per_replica=10, quiet_seconds=600, quiet_window_seconds=60,
    lead_seconds=15, minimum=0, maximum=20,
)  # fmt: skip


def seen(*, due: int = 0, due_within_lead: int = 0, **changes: Any) -> Observation:
    return replace(QUIET, demand=Demand(due=due, due_within_lead=due_within_lead), **changes)


def test_an_unreadable_ledger_changes_nothing() -> None:
    decision = decide(replace(QUIET, demand=None))
    assert (decision.replicas, decision.reason) == (4, Reason.LEDGER_UNREADABLE)


def test_a_backlog_raises_workers_at_once() -> None:
    decision = decide(seen(due=95, quiet_seconds=0))
    assert (decision.replicas, decision.reason) == (10, Reason.BACKLOG)


def test_what_was_counted_no_further_is_told_as_that_or_more() -> None:
    assert decide(seen(due=199)).message == "199 batches are due"
    assert decide(seen(due=200)).message == "200 batches or more are due"


def test_a_worker_is_there_before_the_first_record_is_due() -> None:
    decision = decide(seen(replicas=0, due_within_lead=1))
    assert (decision.replicas, decision.reason) == (1, Reason.DUE_SOON)


@pytest.mark.parametrize(("quiet_for", "replicas", "reason"), [(59, 4, Reason.COOLING_DOWN), (60, 0, Reason.QUIET)])
def test_workers_leave_only_after_the_quiet_window(quiet_for: float, replicas: int, reason: Reason) -> None:
    decision = decide(seen(quiet_seconds=quiet_for))
    assert (decision.replicas, decision.reason) == (replicas, reason)


def test_as_many_stay_as_what_is_due_needs() -> None:
    assert decide(seen(due=11)).replicas == 2


def test_the_right_number_is_left_alone() -> None:
    assert decide(seen(due=40)).reason is Reason.STEADY


def test_more_than_the_maximum_go_without_waiting() -> None:
    assert decide(seen(replicas=50, due=1_000, quiet_seconds=0)).replicas == 20


def test_a_minimum_is_kept_when_all_is_quiet() -> None:
    assert decide(seen(minimum=2)).replicas == 2


@pytest.mark.parametrize("due", [0, 1, 9, 10, 11, 1_000_000])
def test_the_bounds_hold_whatever_is_due(due: int) -> None:
    assert 0 <= decide(seen(due=due)).replicas <= QUIET.maximum
