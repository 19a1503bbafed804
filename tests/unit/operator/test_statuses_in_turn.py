"""With more changes than may be written every Simulation gets its turn, and what is written is the latest that is known."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest

from simulation_operator.api import ApiUnavailableError, ConflictError
from simulation_operator.keys import KeyQueue
from simulation_operator.looks import BEING_PLANNED_WAITS_SECONDS, PHASE_COUNTS_SECONDS
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Roster
from simulation_operator.status_writer import CONFLICT_COSTS_SECONDS, StatusWriter

NAMES = ("first", "second", "third")


class Server:
    """Takes statuses, so many until it goes away."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Any]] = []
        self.sent: list[tuple[dict[str, Any], int]] = []
        self.room = 100
        self.there: Simulation | None = None  # and nobody has told us
        self.always_conflicts = self.lists_fail = False

    async def find(self, key: Key) -> Simulation | None:
        if self.lists_fail:
            raise ApiUnavailableError("away")
        return self.there if self.there is not None and self.there.key == key else None

    async def patch_status(self, key: Key, status: dict[str, Any], *, version: int) -> int:
        if not self.room:
            raise ApiUnavailableError("away")
        if self.always_conflicts or (self.there is not None and self.there.key == key and version != self.there.version):
            raise ConflictError("it changed")
        self.sent.append((status, version))
        self.room -= 1
        self.written.append((key.name, status.get("recordsProcessed")))
        return len(self.written)


class Writer:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.server = Server()
        self.roster = Roster()
        self.uids = {name: uuid4() for name in NAMES}
        for name, uid in self.uids.items():
            self.roster.see(Simulation(key=Key("team", name, uid), generation=1, spec={}, status={"phase": "Running"}))
        for entry in self.roster:
            entry.unshown_since = None
        self.events = Mock()
        self.queue: KeyQueue[Key] = KeyQueue()
        self.writer = StatusWriter(
            api=self.server, events=self.events, roster=self.roster, queue=self.queue, clock=lambda: self.seconds
        )  # fmt: skip

    def want(self, at_seconds: float, **records: int) -> None:
        self.seconds = at_seconds
        self.writer.want({self.uids[name]: self.status(count) for name, count in records.items()})

    def want_end(self, name: str, **others: int) -> None:
        wanted: dict[UUID, dict[str, Any]] = {self.uids[other]: self.status(count) for other, count in others.items()}
        self.writer.want({**wanted, self.uids[name]: {"phase": "Completed"}})

    @staticmethod
    def status(count: int) -> dict[str, Any]:
        return {"phase": "Running", "recordsProcessed": count}


@pytest.fixture
def writing() -> Writer:
    return Writer()


async def test_who_waits_longest_is_written_first_and_with_the_latest(writing: Writer) -> None:
    writing.want(0, second=1)
    writing.want(1, second=2, first=1)
    writing.want(2, second=3, first=2, third=1)
    await writing.writer.finish()
    assert writing.server.written == [("second", 3), ("first", 2), ("third", 1)]


async def test_who_was_written_goes_to_the_end_of_the_line(writing: Writer) -> None:
    writing.want(0, first=1, second=1)
    writing.server.room = 1
    await writing.writer.finish()
    writing.server.room = 100
    writing.want(2, first=2, second=2)
    await writing.writer.finish()
    assert [name for name, _ in writing.server.written] == ["first", "second", "first"]


async def test_a_change_of_phase_goes_before_what_is_a_little_older(writing: Writer) -> None:
    writing.want(0, first=1)
    writing.seconds = PHASE_COUNTS_SECONDS - 1
    writing.want_end("second", first=2)
    await writing.writer.finish()
    assert [name for name, _ in writing.server.written] == ["second", "first"]


async def test_but_not_before_what_is_much_older(writing: Writer) -> None:
    writing.want(0, first=1)
    writing.seconds = PHASE_COUNTS_SECONDS + 1
    writing.want_end("second", first=2)
    await writing.writer.finish()
    assert [name for name, _ in writing.server.written] == ["first", "second"]


@pytest.mark.parametrize(
    ("old_since", "order"),
    [(BEING_PLANNED_WAITS_SECONDS - 1, ["first", "new"]), (BEING_PLANNED_WAITS_SECONDS + 1, ["new", "first"])],
    ids=["not before others for a while", "but not last for ever"],
)
async def test_that_it_is_being_planned_waits_for_those_who_have_more_to_say(writing: Writer, old_since: float, order: list[str]) -> None:
    new = Key("team", "new", uuid4())
    writing.roster.see(Simulation(key=new, generation=1, spec={}))
    entry = writing.roster.get(new.uid)
    assert entry is not None
    assert entry.unshown_since is not None, "that it is there is news already"
    entry.unshown_since = 0.0
    writing.seconds = old_since
    planning = {"phase": "Planning", "conditions": [{"type": "Progressing", "status": "True", "reason": "Planning"}]}
    writing.writer.want({new.uid: planning, writing.uids["first"]: writing.status(1)})
    await writing.writer.finish()
    assert [name for name, _ in writing.server.written] == order


async def test_what_is_shown_already_is_not_written(writing: Writer) -> None:
    writing.want(0, first=1)
    await writing.writer.finish()
    writing.want(2, first=1)
    await writing.writer.finish()
    assert len(writing.server.written) == 1


async def test_who_stopped_leading_writes_nothing_that_still_waits(writing: Writer) -> None:
    writing.want(0, first=1)
    writing.writer.want({})
    await writing.writer.finish()
    assert writing.server.written == []


async def test_who_was_changed_unnoticed_is_looked_at_and_keeps_about_its_place_in_the_line(writing: Writer) -> None:
    key = Key("team", "first", writing.uids["first"])
    writing.server.there = Simulation(key=key, generation=2, spec={"suspend": True}, status={"phase": "Running"}, version=7)
    writing.want(0, first=1)
    await writing.writer.finish()
    assert (writing.server.written, len(writing.queue)) == ([], 1)
    writing.want(CONFLICT_COSTS_SECONDS + 1, second=1, first=2)
    await writing.writer.finish()
    assert writing.server.written == [("first", 2), ("second", 1)]


async def test_what_was_built_upon_another_status_is_built_again(writing: Writer) -> None:
    """By another operator's last write, say: what was kept of the older status would undo it."""
    uid = writing.uids["first"]
    key = Key("team", "first", uid)
    writing.want(0, first=2)
    writing.roster.see(Simulation(key=key, generation=1, spec={}, status={"phase": "Running", "recordsProcessed": 1}, version=9))
    await writing.writer.finish()
    assert writing.server.written == []
    assert uid in writing.roster.unshown
    writing.want(2, first=2)
    await writing.writer.finish()
    assert writing.server.written == [("first", 2)]


async def test_a_list_that_fails_after_a_conflict_is_tried_again_with_the_next_look(writing: Writer) -> None:
    uid = writing.uids["first"]
    writing.server.always_conflicts = True
    writing.server.lists_fail = True
    writing.want(0, first=1)
    await writing.writer.finish()
    entry = writing.roster.get(uid)
    assert entry is not None
    assert entry.unshown_since == 0
    assert uid in writing.roster.unshown


async def test_what_always_conflicts_lets_others_pass(writing: Writer) -> None:
    entry = writing.roster.get(writing.uids["first"])
    assert entry is not None
    writing.server.always_conflicts = True
    for version in (5, 6):
        writing.server.there = Simulation(key=entry.key, generation=1, spec={}, status={"phase": "Running"}, version=version)
        writing.want(0, first=1)
        await writing.writer.finish()
    assert entry.unshown_since == 2 * CONFLICT_COSTS_SECONDS


async def test_another_one_of_the_same_name_gets_none_of_its_status(writing: Writer) -> None:
    writing.server.there = Simulation(key=Key("team", "first", uuid4()), generation=1, spec={}, version=7)
    writing.server.always_conflicts = True
    writing.want(0, first=1)
    await writing.writer.finish()
    assert writing.roster.get(writing.uids["first"]) is None
    assert len(writing.queue) == 1


async def test_a_simulation_that_is_gone_is_not_written(writing: Writer) -> None:
    writing.want(0, first=1)
    writing.roster.lose(writing.uids["first"])
    await writing.writer.finish()
    assert writing.server.written == []


async def test_what_changed_is_written_upon_the_version_that_is_known(writing: Writer) -> None:
    entry = writing.roster.get(writing.uids["first"])
    assert entry is not None
    entry.written, entry.version = {"phase": "Running", "message": "as before"}, 7
    writing.writer.want({writing.uids["first"]: {**entry.written, "recordsProcessed": 1}})
    await writing.writer.finish()
    assert writing.server.sent == [({"recordsProcessed": 1}, 7)]


async def test_while_one_status_is_on_its_way_no_other_of_the_same_simulation_is_sent_and_it_stays_news(writing: Writer) -> None:
    uid = writing.uids["first"]
    writing.roster.writing.add(uid)
    writing.want(0, first=1)
    await writing.writer.finish()
    assert writing.server.written == []
    assert writing.roster.is_unshown(uid)
    assert uid in writing.roster.unshown
