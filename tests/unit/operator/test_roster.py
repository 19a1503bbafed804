"""What the operator knows between reconciles: only what matters wakes the lifecycle, and absence is counted by lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from simulation_operator.resource import ARCHIVE_FINALIZER, Key, Simulation
from simulation_operator.roster import Entry, Roster

SIMULATION = Simulation(key=Key("team", "launch", uuid4()), generation=2, spec={})


def seen(**changes: Any) -> Simulation:
    return replace(SIMULATION, **changes)


def test_a_new_one_a_new_generation_and_a_deletion_are_worth_a_look() -> None:
    roster = Roster()
    assert roster.see(seen())
    assert roster.see(seen(generation=3))
    assert roster.see(seen(generation=3, deleting=True))


def test_a_new_wish_in_an_annotation_is_worth_a_look_and_an_older_list_does_not_take_it_back() -> None:
    roster = Roster()
    roster.see(seen(version=10))
    assert roster.see(seen(version=11, retry_token="one"))
    assert not roster.see(seen(version=10))
    entry = roster.get(SIMULATION.key.uid)
    assert entry is not None
    assert entry.simulation.retry_token == "one"
    assert not roster.see(seen(version=12, retry_token="one"))


@pytest.mark.parametrize(("given", "token"), [("one", "one"), ("x" * 300, "x" * 256), ("a\x00b", "ab"), (None, "")])
def test_a_wish_is_cut_to_what_can_be_stored(given: str | None, token: str) -> None:
    metadata: dict[str, Any] = {"namespace": "team", "name": "launch", "uid": str(uuid4())}
    if given is not None:
        metadata["annotations"] = {"simulation-operator.dev/retry-failed": given}
    assert Simulation.from_body({"metadata": metadata}).retry_token == token


def see_numbered(roster: Roster, number: int, status: dict[str, Any]) -> Entry:
    roster.see(seen(key=replace(SIMULATION.key, uid=UUID(int=number)), status=status))
    entry = roster.get(UUID(int=number))
    assert entry is not None
    return entry


def since(entry: Entry) -> float:
    assert entry.unshown_since is not None
    return entry.unshown_since


def test_until_a_list_is_complete_all_that_is_seen_may_have_been_unshown_since_the_start() -> None:
    roster = Roster()
    first, new = see_numbered(roster, 0, {"phase": "Running"}), see_numbered(roster, 1, {})
    roster.complete = True
    later = see_numbered(roster, 2, {"phase": "Running"})
    assert (first.unsure, new.unsure, later.unsure) == (True, True, False)
    assert since(first) == since(new) < since(later)


def test_what_is_doubted_may_have_been_unshown_since_then_and_so_may_what_the_first_list_still_brings() -> None:
    roster = Roster()
    early = see_numbered(roster, 0, {"phase": "Running"})
    begun = since(early)
    roster.doubt()
    late = see_numbered(roster, 1, {"phase": "Running"})
    assert begun < since(early) == since(late)
    roster.complete, late.unsure, late.unshown_since = True, False, None
    roster.doubt()
    assert late.unsure
    assert since(early) == since(late)


def test_our_own_status_write_is_not() -> None:
    roster = Roster()
    roster.see(seen())
    assert not roster.see(seen(status={"phase": "Running"}))


def test_a_list_that_a_watch_has_overtaken_changes_nothing() -> None:
    roster = Roster()
    roster.see(seen(generation=5, spec={"suspend": True}))
    assert not roster.see(seen(generation=4))
    entry = roster.get(SIMULATION.key.uid)
    assert entry is not None
    assert entry.simulation.spec == {"suspend": True}


def test_a_status_that_another_operator_wrote_is_what_we_write_against() -> None:
    roster = Roster()
    roster.see(seen(status={"phase": "Planning"}, version=10))
    assert not roster.see(seen(status={"phase": "Completed"}, version=12))
    entry = roster.get(SIMULATION.key.uid)
    assert entry is not None
    assert entry.finished


def test_an_event_from_before_our_own_write_does_not_undo_what_we_know() -> None:
    roster = Roster()
    roster.see(seen(status={"phase": "Planning"}, version=10))
    entry = roster.get(SIMULATION.key.uid)
    assert entry is not None
    entry.written, entry.version = {"phase": "Running"}, 12
    roster.see(seen(status={"phase": "Planning"}, version=11))
    assert entry.written == {"phase": "Running"}


def test_absences_are_counted_until_it_is_seen_again() -> None:
    roster = Roster()
    roster.see(seen())
    assert [roster.absent(SIMULATION.key.uid) for _ in range(2)] == [1, 2]
    assert roster.get(SIMULATION.key.uid) is None
    roster.see(seen())
    assert roster.absences(SIMULATION.key.uid) == 0


ENDED = {
    "phase": "Completed",
    "observedGeneration": 2,
    "recordsProcessed": 5,
    "conditions": [{"type": "Finished", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
}


def test_one_that_ended_rests_and_next_to_nothing_of_it_is_kept() -> None:
    roster = Roster()
    assert not roster.see(seen(status=ENDED, spec={"totalRecords": 5}))
    entry = roster.get(SIMULATION.key.uid)
    assert entry is not None
    assert (entry.resting, entry.finished) == (True, True)
    assert (entry.written, entry.simulation.spec) == ({"phase": "Completed", "recordsProcessed": 5}, {})
    assert roster.awake() == []


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 3},
        {"deleting": True},
        {"status": {**ENDED, "phase": "Running"}},
        {"spec": {"ttlSecondsAfterFinished": 60}},
    ],
    ids=["a change of its spec", "its deletion", "a retry", "the end of its time to live"],
)
def test_what_may_ask_for_something_wakes_it_with_all_that_is_known(change: dict[str, Any]) -> None:
    roster = Roster()
    roster.see(seen(status=ENDED, version=10))
    assert roster.see(seen(**{"status": ENDED, "version": 11, **change}))
    entry = roster.get(SIMULATION.key.uid)
    assert entry is not None
    assert entry.written["recordsProcessed"] == 5
    assert roster.awake() == [entry]


def test_it_rests_until_its_time_to_live_is_over() -> None:
    far = {"ttlSecondsAfterFinished": 2_000_000_000}
    assert not Roster().see(seen(status=ENDED, spec=far))


def test_an_old_list_does_not_wake_it() -> None:
    roster = Roster()
    roster.see(seen(status=ENDED, version=10))
    assert not roster.see(seen(status={**ENDED, "phase": "Running"}, version=9))
    assert roster.awake() == []


def test_one_that_ends_while_it_is_known_comes_to_rest() -> None:
    roster = Roster()
    roster.see(seen(status={"phase": "Running", "observedGeneration": 2}, version=10))
    roster.unshown.add(SIMULATION.key.uid)
    roster.see(seen(status=ENDED, version=11))
    assert len(roster.awake()) == 1, "more is to be shown"
    roster.unshown.discard(SIMULATION.key.uid)
    assert not roster.see(seen(status=ENDED, version=11))
    assert roster.awake() == []


def test_a_list_from_before_our_last_write_does_not_put_it_to_rest() -> None:
    roster = Roster()
    roster.see(seen(status={"phase": "Running"}, version=12))
    roster.see(seen(status=ENDED, version=11))
    assert len(roster.awake()) == 1


@pytest.mark.parametrize(
    ("change", "handled"),
    [
        ({"retry_token": "a"}, {"handledRetryToken": "a"}),
        ({"verify_token": "a"}, {"handledVerifyToken": "a"}),
        ({"finalizers": (ARCHIVE_FINALIZER,)}, {}),
        ({"spec": {"deletionPolicy": "Archive"}}, {}),
    ],
    ids=["a retry", "a verification", "a finalizer to be removed", "a finalizer that is missing"],
)
def test_a_wish_after_the_end_wakes_it_until_it_is_handled(change: dict[str, Any], handled: dict[str, Any]) -> None:
    roster = Roster()
    roster.see(seen(status=ENDED, version=10))
    assert roster.see(seen(**{"status": ENDED, "version": 11, **change}))
    if handled:
        assert not roster.see(seen(**{"status": {**ENDED, **handled}, "version": 12, **change}))
        assert roster.awake() == []


def test_one_that_is_held_rests_too_and_is_known_to_be_held() -> None:
    roster = Roster()
    roster.see(seen(status=ENDED, spec={"deletionPolicy": "Archive"}, finalizers=(ARCHIVE_FINALIZER,)))
    entry = roster.get(SIMULATION.key.uid)
    assert entry is not None
    assert entry.resting
    assert (entry.simulation.held, entry.simulation.to_be_archived) == (True, True)
