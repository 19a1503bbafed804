"""What fails unexpectedly again and again is said in the Simulation itself, and no longer once it succeeded."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from simulation_core.errors import LedgerUnavailableError
from simulation_core.portals import Portals
from simulation_core.reasons import Reason
from simulation_operator.conditions import find
from simulation_operator.keys import KeyQueue
from simulation_operator.leadership import State
from simulation_operator.lifecycle import reconcile
from simulation_operator.lifecycle.actions import Decision, Nothing
from simulation_operator.lifecycle.reconcile import Lifecycle
from simulation_operator.metrics import Metrics
from simulation_operator.planning import Planner
from simulation_operator.progress import Facts, ProgressLoop
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Roster
from simulation_operator.setbacks import SHOWN_FROM, Setbacks
from simulation_operator.threads import Threads

KEY = Key("team", "launch", uuid4())
METRICS = Metrics(CollectorRegistry())


@pytest.fixture
def roster() -> Roster:
    roster = Roster()
    roster.see(Simulation(key=KEY, generation=1, spec={"totalRecords": 200}))
    return roster


async def shown(roster: Roster) -> dict[str, Any]:
    """The status that one tick of the progress loop wants shown; empty if it wants none."""
    writer = Mock()
    facts = Facts(progress={}, portal_problems={}, accounts={}, queue_problem=None, portals=Portals({}))
    threads = Mock(ledger=AsyncMock(side_effect=[(0.0, {}), facts]))  # of no run anything is known, nor asked
    loop = ProgressLoop(
        engine=Mock(), threads=threads, roster=roster, queue=KeyQueue[Key](), portals=Mock(current={}), writer=writer, metrics=METRICS,
        leadership=Mock(state=State.LEADING, leading=True), eviction_policy=lambda: "noeviction", every_seconds=1,
    )  # fmt: skip
    await loop.tick()
    return dict(writer.want.call_args.args[0].get(KEY.uid, {}))


async def reconcile_with(roster: Roster, errors: list[Exception | None], monkeypatch: Any) -> None:
    """One reconcile for each, that ends so."""
    monkeypatch.setattr(reconcile, "decide", lambda _: Decision(Nothing(), Reason.RUNNING, ""))
    lifecycle = Lifecycle(
        queue=KeyQueue[Key](), observer=Mock(observe=AsyncMock()), applier=Mock(apply=AsyncMock(side_effect=errors)), leadership=Mock(),
        metrics=METRICS, setbacks=Setbacks(roster),
    )  # fmt: skip
    for _ in errors:
        await lifecycle.attempt(KEY)


async def test_failing_reconciles_are_shown_from_the_third_on(roster: Roster, monkeypatch: Any) -> None:
    faults: list[Exception | None] = [ValueError("a fault of ours")] * SHOWN_FROM
    await reconcile_with(roster, faults[1:], monkeypatch)
    assert await shown(roster) == {}
    await reconcile_with(roster, faults[:1], monkeypatch)
    progressing = find(await shown(roster), "Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "InternalError")
    assert "the operator's log" in progressing["message"]


async def test_a_success_clears_it(roster: Roster, monkeypatch: Any) -> None:
    await reconcile_with(roster, [*[ValueError("a fault of ours")] * SHOWN_FROM, None], monkeypatch)
    assert await shown(roster) == {}


async def test_an_outage_is_not_an_internal_error(roster: Roster, monkeypatch: Any) -> None:
    await reconcile_with(roster, [LedgerUnavailableError("refused")] * SHOWN_FROM, monkeypatch)
    assert await shown(roster) == {}


async def test_failing_plans_are_shown_and_a_stored_one_clears_it(roster: Roster, monkeypatch: Any) -> None:
    threads = Threads()
    planner = Planner(
        engine=Mock(), threads=threads, queue=KeyQueue[Key](), setbacks=Setbacks(roster), one_large=asyncio.Lock(), dispatch=lambda: None
    )
    run: Any = SimpleNamespace(id=KEY.uid, total_records=1)

    async def plan_with(error: Exception | None) -> None:
        monkeypatch.setattr(planner, "_store", Mock(side_effect=error, return_value=None))
        planner.start(KEY, run)
        await planner.under_way.done()

    for _ in range(SHOWN_FROM):
        await plan_with(ValueError("a fault of ours"))
    assert find(await shown(roster), "Progressing")["reason"] == "InternalError"
    await plan_with(None)
    assert await shown(roster) == {}
    threads.stop()
