"""Which runs of a portal come first: those that weren't served yet, then those whose turn lies furthest back."""

from __future__ import annotations

import uuid

import pytest

from simulation_core.ledger.offers import Offers
from simulation_core.ledger.values import Offer
from simulation_operator.scheduler.turns import Turns

A, B, C = (uuid.UUID(int=number) for number in (1, 2, 3))


def offered(*runs):
    return Offers.of((Offer(simulation_id=run, batch=batch, attempt=1, portal="east", due_ms=0), 1) for batch, run in enumerate(runs))


@pytest.fixture
def turns():
    return Turns()


def test_who_was_served_last_is_last(turns):
    turns.note("east", offered(A, B, C, A), 4)
    assert turns.served("east") == [A, B, C]
    turns.note("east", offered(B), 1)
    assert turns.served("east") == [A, C, B]


def test_whose_batch_found_no_place_keeps_its_turn(turns):
    turns.note("east", offered(A, B, C), 2)
    assert turns.served("east") == [A, B]
    turns.note("east", offered(C), 0)
    assert turns.served("east") == [A, B]


def test_portals_are_kept_apart_and_forgotten_once_all_had_their_turn(turns):
    turns.note("east", offered(A), 1)
    assert turns.served("west") == []
    turns.forget("east")
    turns.forget("west")
    assert turns.served("east") == []
