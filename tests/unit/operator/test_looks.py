"""Whose status is built at a look: the most urgent, as many as can be written until the next one; each gets its turn."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from simulation_core.ledger.progress import State
from simulation_core.ledger.values import Status
from simulation_operator.looks import BEING_PLANNED_WAITS_SECONDS, MAY_BE_NEWS, MOST_URGENT, PHASE_COUNTS_SECONDS, Looks, most_urgent
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Entry, Roster

RUNNING: dict[str, Any] = {"phase": "Running", "observedGeneration": 1}
ALL_WITHIN = 5


class Watching:
    """A roster of Simulations that are shown as they are, and looks at it."""

    def __init__(self, count: int, status: dict[str, Any]) -> None:
        self.now_seconds = 100.0
        self.roster = Roster()
        for number in range(count):
            self.see(number, status)
            self.shown(number)
        self.looks = Looks(self.roster, all_within=ALL_WITHIN, clock=lambda: self.now_seconds)

    def see(self, number: int, status: dict[str, Any]) -> Entry:
        uid = UUID(int=number)
        self.roster.see(Simulation(key=Key("team", f"run-{number}", uid), generation=1, spec={}, status=status))
        entry = self.roster.get(uid)
        assert entry is not None
        return entry

    def look(self, reached: dict[int, Status] | None = None) -> list[int]:
        """Those that are chosen; `reached`: what changed in the ledger."""
        self.now_seconds += 2
        states = {entry.key.uid: State(Status.RUNNING, changed=False) for entry in self.roster}
        states |= {UUID(int=number): State(status, changed=True) for number, status in (reached or {}).items()}
        return [entry.key.uid.int for entry in self.looks.choose(self.roster.awake(), states)]

    def shown(self, number: int) -> None:
        """As the writer leaves it once a status was written."""
        entry = self.roster.get(UUID(int=number))
        assert entry is not None
        entry.written, entry.unshown_since, entry.unsure = RUNNING, None, False


def test_without_news_each_is_looked_at_once_in_so_many_looks() -> None:
    watching = Watching(23, RUNNING)
    chosen = [number for _ in range(ALL_WITHIN) for number in watching.look()]
    assert sorted(chosen) == list(range(23))


def test_what_changed_is_looked_at_at_once_and_until_it_is_shown() -> None:
    watching = Watching(23, RUNNING)
    assert watching.look({7: Status.RUNNING})[0] == 7
    assert watching.look()[0] == 7
    watching.shown(7)
    assert 7 not in watching.look()


def test_of_too_many_the_longest_unshown_are_chosen_and_the_others_keep_their_place() -> None:
    watching = Watching(2 * MOST_URGENT, RUNNING)
    early, late = range(MOST_URGENT, 2 * MOST_URGENT), range(MOST_URGENT)
    assert set(watching.look(dict.fromkeys(early, Status.RUNNING))) >= set(early)
    assert watching.look(dict.fromkeys(late, Status.RUNNING)) == list(early)
    for number in early:
        watching.shown(number)
    changed_again = watching.look(dict.fromkeys(early, Status.RUNNING))
    assert changed_again == list(late)


def test_of_those_whose_news_nobody_has_seen_those_come_first_who_have_asked_for_something() -> None:
    watching = Watching(3, RUNNING)
    for number, version in enumerate((10, 30, 20)):
        watching.see(number, RUNNING).version = version
    entry = watching.roster.get(UUID(int=1))
    assert entry is not None
    entry.written = {**RUNNING, "observedGeneration": 0}
    assert watching.look(dict.fromkeys(range(3), Status.RUNNING)) == [1, 0, 2]


def test_of_what_became_news_at_the_same_moment_that_which_was_written_longest_ago_is_first() -> None:
    watching = Watching(3, RUNNING)
    for number, version in enumerate((30, 10, 20)):
        watching.see(number, RUNNING).version = version
    assert watching.look(dict.fromkeys(range(3), Status.RUNNING)) == [1, 2, 0]


def test_what_a_reconcile_looked_at_is_looked_at_until_it_is_shown() -> None:
    watching = Watching(3, RUNNING)
    watching.roster.unshown.add(UUID(int=1))
    assert all(watching.look()[0] == 1 for _ in range(ALL_WITHIN))


def test_what_ended_and_is_of_interest_is_looked_at_each_time() -> None:
    """What a worker does with it then: the ledger's row says nothing of that."""
    watching = Watching(3, RUNNING)
    watching.see(1, RUNNING).written = {"phase": "Completed"}
    assert all(1 in watching.look() for _ in range(ALL_WITHIN))


def test_very_many_of_them_take_turns_and_no_place_of_what_is_news() -> None:
    watching = Watching(2 * MOST_URGENT, RUNNING)
    for number in range(1, 2 * MOST_URGENT):
        watching.see(number, RUNNING).written = {"phase": "Completed"}
    looks = [watching.look({0: Status.RUNNING}) for _ in range(2 * MOST_URGENT // MAY_BE_NEWS)]
    assert all(chosen[0] == 0 and len(chosen) <= 1 + MAY_BE_NEWS for chosen in looks)
    assert {number for chosen in looks for number in chosen} == set(range(2 * MOST_URGENT))


def test_more_is_built_where_more_may_be_written() -> None:
    assert most_urgent(46, 2) == MOST_URGENT
    assert most_urgent(46, 10) == 920


@pytest.mark.parametrize(("older_by", "first"), [(-1, 1), (1, 0)])
def test_a_change_of_phase_counts_as_older(older_by: int, first: int) -> None:
    watching = Watching(2, RUNNING)
    entries = watching.roster.awake()
    entries[0].unshown_since, entries[1].unshown_since = 50.0, 50.0 + PHASE_COUNTS_SECONDS + older_by
    assert watching.look({1: Status.SUSPENDED})[0] == first


@pytest.mark.parametrize(("older_by", "first"), [(-1, 1), (1, 0)])
def test_one_that_is_still_being_planned_counts_as_younger(older_by: int, first: int) -> None:
    watching = Watching(2, RUNNING)
    new = watching.see(0, {})
    new.written, new.unshown_since = {}, 50.0
    other = watching.see(1, RUNNING)
    other.unshown_since = 50.0 + BEING_PLANNED_WAITS_SECONDS + older_by
    assert watching.look({0: Status.PLANNING})[0] == first
