"""Carries a verb out on the Simulations that are meant, one after the other."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simulation_cli import waiting
from simulation_cli.choosing import Choice, chosen
from simulation_cli.cluster import Cluster, simulations
from simulation_cli.exits import ExitCode, NoSuchSimulationError, NotPossibleError
from simulation_cli.goals import Outlook, goal_of
from simulation_cli.resource import ClusterSimulation
from simulation_cli.verbs import Already, Answer, Ask, Verb, answer
from simulation_cli.waiting import Awaited, Came


class Outcome(StrEnum):
    ASKED = "asked"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Result:
    verb: Verb
    outcome: Outcome
    message: str
    simulation: ClusterSimulation | None = None  # as it is now; None: there is none of that name
    exit_code: ExitCode = ExitCode.DONE

    @property
    def sentence(self) -> str:
        return self.message if self.simulation is None else f"{self.simulation.name} {self.message}"

    def as_json(self, came: Iterable[Came] = ()) -> dict[str, Any]:
        """`came`: what was waited for, and has come."""
        shown: dict[str, Any] = {"verb": self.verb.value, "outcome": self.outcome.value, "message": self.sentence}
        if self.simulation is None:
            return shown
        last = next((each for each in came if each.simulation.uid == self.simulation.uid), None)
        now = self.simulation if last is None else last.simulation
        named = {"namespace": now.namespace, "name": now.name, "uid": str(now.uid), "phase": now.phase}
        return {**named, **shown} if last is None else {**named, **shown, "waited": last.outlook.name.lower(), "message": last.sentence}


Intent = tuple[ClusterSimulation, Answer] | NoSuchSimulationError


def intents(cluster: Cluster, verb: Verb, choice: Choice) -> list[Intent]:
    """What would be done, before anything is."""
    token = secrets.token_hex(8)
    return [each if isinstance(each, Exception) else (each, answer(verb, each, token=token)) for each in chosen(cluster, choice)]


def to_ask(intended: Iterable[Intent]) -> list[str]:
    """The names of those that would be changed."""
    return [each[0].name for each in intended if not isinstance(each, Exception) and isinstance(each[1], Ask)]


def carry_out(cluster: Cluster, verb: Verb, intended: Iterable[Intent], *, by_name: bool) -> Iterator[Result]:
    """`by_name`: each was meant itself, so one that can't be changed is a failure, and not only left out."""
    for each in intended:
        if isinstance(each, Exception):
            yield Result(verb=verb, outcome=Outcome.FAILED, message=str(each), exit_code=ExitCode.NO_SUCH_SIMULATION)
        else:
            yield _result(cluster, verb, *each, by_name=by_name)


def _result(cluster: Cluster, verb: Verb, simulation: ClusterSimulation, decided: Answer, *, by_name: bool) -> Result:
    if isinstance(decided, Already):
        return Result(verb=verb, outcome=Outcome.UNCHANGED, message=decided.message, simulation=simulation)
    if isinstance(decided, Ask):
        return _ask(cluster, verb, simulation, decided)
    code = ExitCode.NOT_POSSIBLE if by_name else ExitCode.DONE
    return Result(verb=verb, outcome=Outcome.REFUSED, message=decided.message, simulation=simulation, exit_code=code)


def _ask(cluster: Cluster, verb: Verb, simulation: ClusterSimulation, ask: Ask) -> Result:
    try:
        now = simulations.patch(cluster, simulation, ask.changes)
    except (NoSuchSimulationError, NotPossibleError) as error:  # what concerns this one; with all else the others would meet the same
        return Result(verb=verb, outcome=Outcome.FAILED, message=str(error), exit_code=error.exit_code)
    return Result(verb=verb, outcome=Outcome.ASKED, message=ask.message, simulation=now)


def wait_for(cluster: Cluster, results: Sequence[Result], *, timeout_seconds: float | None) -> Iterator[Came]:
    """Until what was asked, now or earlier, is done."""
    asked = [
        Awaited(simulation=result.simulation, goal=goal_of(result.verb, result.simulation))
        for result in results
        if result.simulation is not None and result.outcome in {Outcome.ASKED, Outcome.UNCHANGED}
    ]
    yield from waiting.wait(cluster, asked, timeout_seconds=timeout_seconds)


def code_of(came: Came) -> ExitCode:
    if came.outlook is Outlook.REACHED:
        return ExitCode.DONE
    return ExitCode.NO_SUCH_SIMULATION if came.gone else ExitCode.ENDED_OTHERWISE
