"""Which Simulations are meant: by name, by label, or all of the namespace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulation_cli.cluster import Cluster, simulations
from simulation_cli.exits import CalledWronglyError, NoSuchSimulationError
from simulation_cli.resource import GROUP, PLURAL, ClusterSimulation

_PREFIXES = frozenset({"sim", "simulation", PLURAL, f"simulation.{GROUP}", f"{PLURAL}.{GROUP}"})


@dataclass(frozen=True)
class Choice:
    names: tuple[str, ...] = ()  # as typed: also simulation/NAME, as kubectl prints them
    selector: str | None = None
    all: bool = False

    def __post_init__(self) -> None:
        if sum((bool(self.names), self.selector is not None, self.all)) != 1:
            raise CalledWronglyError("say which Simulations: names, or --selector, or --all, and only one of these")

    @property
    def by_name(self) -> bool:
        return bool(self.names)


def chosen(cluster: Cluster, choice: Choice) -> Iterator[ClusterSimulation | NoSuchSimulationError]:
    """An error in the place of a name that isn't there, so that the others don't go without."""
    if not choice.by_name:
        yield from simulations.find(cluster, selector=choice.selector)
        return
    for name in dict.fromkeys(bare(name) for name in choice.names):
        try:
            yield simulations.get(cluster, name)
        except NoSuchSimulationError as error:
            yield error


def all_of(cluster: Cluster, choice: Choice) -> list[ClusterSimulation]:
    """Raises NoSuchSimulationError for the first name that isn't there."""
    found = []
    for each in chosen(cluster, choice):
        if isinstance(each, NoSuchSimulationError):
            raise each
        found.append(each)
    return found


def those_there(cluster: Cluster, choice: Choice) -> list[ClusterSimulation]:
    """Without the names that aren't there."""
    return [each for each in chosen(cluster, choice) if not isinstance(each, NoSuchSimulationError)]


def bare(name: str) -> str:
    """Without the kind before it."""
    kind, slash, rest = name.partition("/")
    if not slash:
        return name
    if kind.casefold() not in _PREFIXES:
        raise CalledWronglyError(f"{name!r} is no Simulation: say its name, or simulation/NAME")
    return rest
