"""Slots are shared between portals: none takes all, and what is free is never idle for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from simulation_worker.slots import Slots


class Work:
    """Loads that go on until they are let go."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.let_go = threading.Event()

    def begin(self, portal: str, count: int = 1) -> None:
        for _ in range(count):
            self.slots.begin(portal, lambda: self.let_go.wait(10) and None)


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work(Slots(8))
    yield work
    work.let_go.set()
    work.slots.close()


def test_a_portal_that_is_alone_may_have_all(work: Work) -> None:
    assert work.slots.shares({"q": "east"}) == {"q": 8}
    work.begin("east", 8)
    assert work.slots.shares({"q": "east"}) == {}


def test_of_several_portals_none_gets_all(work: Work) -> None:
    work.begin("east", 6)
    assert work.slots.shares({"e": "east", "w": "west"}) == {"w": 1}


def test_nor_does_it_while_the_others_may_not_be_called(work: Work) -> None:
    assert work.slots.shares({"e": "east"}, served=2) == {"e": 6}
    work.begin("east", 6)
    assert work.slots.shares({"e": "east"}, served=2) == {}
    assert work.slots.shares({"w": "west"}, served=2) == {"w": 2}


def test_a_portal_with_all_it_may_have_waits_for_one_of_its_own_though_others_are_free(work: Work) -> None:
    work.begin("east", 6)
    waited = threading.Event()

    def wait() -> None:
        work.slots.wait_for_shares({"e": "east"}, 10, served=2)
        waited.set()

    threading.Thread(target=wait, daemon=True).start()
    assert not waited.wait(0.05)  # else the worker would ask again and again
    work.let_go.set()
    assert waited.wait(10)


def test_what_is_free_is_divided_evenly(work: Work) -> None:
    assert work.slots.shares({"e": "east", "w": "west"}) == {"e": 4, "w": 4}
    assert sum(work.slots.shares({str(i): str(i) for i in range(20)}).values()) == 8


def test_who_is_asked_first_gets_the_last_one(work: Work) -> None:
    work.begin("east", 4)
    work.begin("west", 3)
    assert work.slots.shares({"w": "west", "e": "east"}) == {"w": 1}


def test_more_under_way_than_there_are_slots_leaves_no_room(work: Work) -> None:
    work.begin("east", 12)
    assert work.slots.shares({"e": "east"}) == {}
    assert work.slots.shares({"e": "east", "w": "west"}) == {}


def test_a_portal_that_had_all_makes_no_room_for_others_by_having_too_many(work: Work) -> None:
    work.begin("east", 7)
    assert work.slots.shares({"e": "east", "w": "west"}) == {"w": 1}


def test_waiting_ends_when_one_is_free(work: Work) -> None:
    work.begin("east", 8)
    work.let_go.set()
    work.slots.wait_for_shares({"e": "east"}, 10)
    assert work.slots.shares({"q": "east"})


def test_a_load_that_fails_frees_its_slot(work: Work, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    one = Slots(1)
    one.begin("east", fail)
    one.wait_for_shares({"e": "east"}, 10)
    assert one.shares({"q": "east"}) == {"q": 1}
    assert "its leases run out" in caplog.text
    one.close()
