"""The periodic list brings metadata alone; a page of it is read whole where something in it isn't known yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

from simulation_core.clock import iso_seconds, now_ms
from simulation_operator import roster as rosters
from simulation_operator.api import ApiError, Page
from simulation_operator.keys import KeyQueue
from simulation_operator.metrics import Metrics
from simulation_operator.resource import Key, Seen, Simulation
from simulation_operator.resync import ONE_IN, Resync
from simulation_operator.roster import Roster

RUNNING = {"phase": "Running", "recordsProcessed": 3}
SECONDS_TO_LIVE = 3600
AS_OF = 20  # the list's version


def ended(settled: int = 5) -> dict[str, Any]:
    finished = {"type": "Finished", "status": "True", "lastTransitionTime": iso_seconds(now_ms())}
    return {"phase": "Completed", "observedGeneration": 1, "recordsProcessed": settled, "conditions": [finished]}


def simulation(name: str, status: Mapping[str, Any]) -> Simulation:
    spec = {"totalRecords": 5, "ttlSecondsAfterFinished": SECONDS_TO_LIVE}
    return Simulation(key=Key("team", name, uuid4()), generation=1, spec=spec, status=status, version=10)


def metadata_of(one: Simulation) -> Seen:
    return Seen(**{each.name: getattr(one, each.name) for each in fields(Seen)})


class Server:
    """Two pages."""

    def __init__(self) -> None:
        self.pages = [[simulation("a", RUNNING), simulation("b", ended())], [simulation("c", RUNNING), simulation("d", ended())]]
        self.read_whole: list[str | None] = []
        self.fails_at: int | None = None  # which page

    async def list_whole(self, _: str | None) -> AsyncIterator[Page]:
        for number, page in enumerate(self.pages):
            if number == self.fails_at:
                raise ApiError("refused")
            self.read_whole.append(str(number) if number else None)
            yield Page(page, str(number) if number else None, AS_OF, page)

    async def list_seen(self, _: str | None) -> AsyncIterator[Page]:
        for number, page in enumerate(self.pages):
            yield Page([metadata_of(each) for each in page], str(number) if number else None, AS_OF)

    async def whole(self, _: str | None, page: Page) -> Sequence[Simulation]:
        if page.whole is not None:
            return page.whole
        self.read_whole.append(page.token)
        return self.pages[int(page.token or 0)]

    def change(self, page: int, place: int, **changes: Any) -> UUID:
        found = self.pages[page][place]
        self.pages[page][place] = replace(found, **changes)
        return found.key.uid


class Threads:
    """Answers every question with what was counted; there is no run of which the list lacks the Simulation."""

    def __init__(self) -> None:
        self.counted: dict[UUID, int] = {}

    async def ledger(self, question: Any, *_: Any) -> Any:
        return self.counted if question.__name__ == "ended_lately" else []


class World:
    def __init__(self) -> None:
        self.server, self.threads, self.roster, self.queue = Server(), Threads(), Roster(), KeyQueue[Key]()
        self.resync = Resync(
            api=self.server, engine=Mock(), threads=self.threads, roster=self.roster, queue=self.queue, leadership=Mock(leading=True),
            metrics=Metrics(CollectorRegistry()), scopes=(None,), every_seconds=30, deadline_seconds=300,
        )  # fmt: skip

    async def look(self) -> list[str | None]:
        """Which pages were read whole."""
        self.server.read_whole.clear()
        await self.resync.once()
        return self.server.read_whole

    async def queued(self) -> set[str]:
        keys = [await self.queue.get() for _ in range(len(self.queue))]
        for key in keys:
            self.queue.done(key)
        return {key.name for key in keys}

    def awake(self) -> set[str]:
        return {entry.key.name for entry in self.roster.awake()}


@pytest.fixture
async def known() -> World:
    """A first list brought everything."""
    world = World()
    assert await world.look() == [None, "1"]
    assert world.awake() == {"a", "c"}
    return world


async def test_all_is_read_whole_and_once_until_a_list_is_complete() -> None:
    world = World()
    world.server.fails_at = 1
    with pytest.raises(ApiError):
        await world.look()
    assert world.awake() == {"a"}
    world.server.fails_at = None
    assert await world.look() == [None, "1"]
    assert await world.look() == []


async def test_nothing_is_read_whole_that_is_known_and_all_that_live_are_looked_at(known: World) -> None:
    assert await known.look() == []
    assert await known.queued() == {"a", "c"}


async def test_a_status_that_is_being_written_may_be_in_the_list_before_the_answer(known: World) -> None:
    uid = known.server.change(0, 0, version=15)
    known.roster.writing.add(uid)
    assert await known.look() == []
    known.server.change(0, 0, generation=2)
    assert await known.look() == [None], "what was asked for meanwhile is seen"
    known.server.change(0, 0, version=16)
    known.roster.writing.discard(uid)
    assert await known.look() == [None], "nobody told us of this one"


async def test_a_page_on_which_something_is_newer_is_read_whole(known: World) -> None:
    uid = known.server.change(1, 0, version=11, status={**RUNNING, "recordsProcessed": 4})
    assert await known.look() == ["1"]
    entry = known.roster.get(uid)
    assert entry is not None
    assert entry.written["recordsProcessed"] == 4
    assert await known.look() == []


async def test_what_the_watch_brought_already_is_not_read_again(known: World) -> None:
    known.roster.see(replace(known.server.pages[0][0], version=12))
    assert await known.look() == []


async def test_what_was_asked_for_is_read_also_where_the_status_that_we_wrote_is_newer(known: World) -> None:
    uid = known.server.change(0, 0, version=11, generation=2)
    known.server.change(0, 0, version=12)  # our own write: the watch stalls
    entry = known.roster.get(uid)
    assert entry is not None
    entry.version = 12
    assert await known.look() == [None]
    assert entry.simulation.generation == 2
    assert await known.look() == []


async def test_one_whose_end_was_still_to_be_shown_comes_to_rest(known: World) -> None:
    uid = known.server.change(0, 0, version=11, status=ended())
    known.roster.unshown.add(uid)
    known.roster.see(known.server.pages[0][0])  # the watch brings our own write, before the next look finds that it is shown
    known.roster.unshown.discard(uid)
    assert known.awake() == {"a", "c"}
    await known.look()
    assert known.awake() == {"c"}


async def test_what_the_watch_lost_wrongly_is_read_again(known: World) -> None:
    known.roster.lose(known.server.pages[0][0].key.uid)
    assert await known.look() == [None]
    assert known.awake() == {"a", "c"}


async def test_the_end_of_its_time_to_live_wakes_it(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    later_ms = now_ms() + (SECONDS_TO_LIVE + 1) * 1000
    monkeypatch.setattr(rosters, "now_ms", lambda: later_ms)
    assert await known.look() == [None, "1"]
    assert known.awake() == {"a", "b", "c", "d"}


async def test_what_was_counted_beyond_the_end_that_is_shown_wakes_it(known: World) -> None:
    late, exact = known.server.pages[0][1].key.uid, known.server.pages[1][1].key.uid
    known.threads.counted = {late: 6, exact: 5}
    assert await known.look() == [None]
    assert known.awake() == {"a", "b", "c"}


async def test_a_first_list_finds_what_was_counted_beyond_the_end_too() -> None:
    world = World()
    world.threads.counted = {world.server.pages[0][1].key.uid: 6}
    await world.look()
    assert world.awake() == {"a", "b", "c"}


@pytest.mark.parametrize(("version", "kept"), [(AS_OF + 1, True), (AS_OF - 1, False)], ids=["created since", "deleted before"])
async def test_only_what_is_older_than_the_list_is_missing_from_it(known: World, version: int, kept: bool) -> None:
    other = replace(simulation("other", RUNNING), version=version)
    known.roster.see(other)
    await known.queued()
    await known.look()
    assert (known.roster.get(other.key.uid) is not None) is kept
    assert ("other" in await known.queued()) is not kept


async def test_what_is_as_it_should_be_is_looked_at_once_in_many_lists(known: World) -> None:
    await known.queued()
    for entry in known.roster.awake():
        entry.settled = True
    looks = []
    for _ in range(ONE_IN):
        await known.look()
        looks += sorted(await known.queued())
    assert sorted(looks) == ["a", "c"]


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 2},
        {"retry_token": "again"},
        {"deleting": True},
        {"status": {"phase": "Completed", "observedGeneration": 0}},
    ],
    ids=["a change", "a wish", "its deletion", "its end"],
)
async def test_what_was_asked_for_since_is_looked_at_with_each_list(known: World, change: Mapping[str, Any]) -> None:
    for entry in known.roster.awake():
        entry.settled = True
    known.server.change(0, 0, version=11, **change)
    for _ in range(3):
        await known.look()
        assert "a" in await known.queued()


async def test_what_concerns_all_lets_all_be_looked_at(known: World) -> None:
    for entry in known.roster.awake():
        entry.settled = True
    await known.queued()
    known.roster.unsettle()
    await known.look()
    assert await known.queued() == {"a", "c"}
