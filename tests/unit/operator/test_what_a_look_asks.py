"""The first look at the ledger asks about all Simulations, and so does the one after an outage; the others ask about what is news.

What a list brings for the first time is news.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, PropertyMock
from uuid import UUID

from prometheus_client import CollectorRegistry

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger.progress import State
from simulation_core.ledger.values import Status
from simulation_core.portals import Portals
from simulation_core.reasons import Reason
from simulation_operator import leadership
from simulation_operator.keys import KeyQueue
from simulation_operator.metrics import Metrics
from simulation_operator.progress import Facts, ProgressLoop
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Roster, Verdict
from simulation_operator.status_writer import StatusWriter

RUNNING = {"phase": "Running", "observedGeneration": 1}
ALL = {UUID(int=number) for number in range(3)}
FACTS = Facts(progress={}, portal_problems={}, accounts={}, queue_problem=None, portals=Portals({}))


class Ledger:
    """In place of threads: three runs, of which those change that are told."""

    def __init__(self) -> None:
        self.changed: set[UUID] = set()
        self.away = False
        self.asked: list[set[UUID]] = []

    async def ledger(self, question: Any, ids: list[UUID]) -> Any:
        if self.away:
            raise LedgerUnavailableError("refused")
        if question.__name__ == "_take_in":
            return 0.0, {uid: State(Status.RUNNING, changed=uid in self.changed) for uid in ids}
        self.asked.append(set(ids))
        return FACTS


def loop_of(ledger: Ledger, **settings: int) -> ProgressLoop:
    roster = Roster()
    for uid in ALL:
        key = Key("team", f"run-{uid.int}", uid)
        roster.see(Simulation(key=key, generation=1, spec={}, status=RUNNING, version=10 - uid.int))

    def all_is_shown(_: Any) -> None:
        roster.unshown.clear()
        for entry in roster:
            entry.unshown_since = None

    return ProgressLoop(
        engine=Mock(), threads=ledger, roster=roster, queue=KeyQueue[Key](), portals=Mock(current={}), writer=Mock(want=all_is_shown),
        leadership=Mock(state=leadership.State.LEADING, leading=True), metrics=Metrics(CollectorRegistry()),
        eviction_policy=lambda: "noeviction", every_seconds=0.1, **settings,
    )  # fmt: skip


async def test_the_first_look_begins_with_what_was_written_longest_ago() -> None:
    """After a restart: statuses have grown old without an operator, and all of many take a while."""
    ledger = Ledger()
    await loop_of(ledger, most_urgent=2).tick()
    assert ledger.asked == [{UUID(int=2), UUID(int=1)}, ALL]


async def test_both_parts_of_a_first_look_are_written_in_that_order() -> None:
    written: list[str] = []

    class Server:
        async def patch_status(self, key: Key, *_: Any, version: int) -> int:
            written.append(key.name)
            return version + 10

    loop = loop_of(Ledger(), most_urgent=2)
    loop.writer = StatusWriter(api=Server(), events=Mock(), roster=loop.roster, queue=loop.queue)
    for entry in loop.roster:
        entry.verdict = Verdict(reason=Reason.PORTAL_UNKNOWN, message="there is none", final=False)
    await loop.tick()
    await loop.writer.finish()
    assert written == ["run-2", "run-1", "run-0"]


async def test_one_that_stands_by_shows_nothing_it_has_looked_at_meanwhile() -> None:
    loop = loop_of(Ledger())
    loop.writer = Mock()
    loop.leadership = Mock(state=leadership.State.LEADING)
    type(loop.leadership).leading = PropertyMock(side_effect=[True, False])
    for entry in loop.roster:
        entry.verdict = Verdict(reason=Reason.PORTAL_UNKNOWN, message="there is none", final=False)
    await loop.tick()
    loop.writer.want.assert_called_once_with({})


async def test_what_a_list_brings_after_the_first_look_is_looked_at_once() -> None:
    """Its status may have grown old without an operator, and nothing need change in it for that."""
    ledger, late = Ledger(), UUID(int=50)
    loop = loop_of(ledger)
    await loop.tick()
    loop.roster.see(Simulation(key=Key("team", "late", late), generation=1, spec={}, status=RUNNING))
    await loop.tick()
    await loop.tick()
    assert [late in asked for asked in ledger.asked] == [False, True, False]


async def test_all_at_first_and_after_an_outage_else_what_is_news() -> None:
    ledger = Ledger()
    loop = loop_of(ledger)
    await loop.tick()
    ledger.changed = {UUID(int=1)}
    await loop.tick()
    ledger.away = True
    await loop.tick()
    ledger.away, ledger.changed = False, set()
    await loop.tick()
    first, news, after_outage = ledger.asked
    assert (first, after_outage) == (ALL, ALL)
    assert UUID(int=1) in news
    assert news != ALL
