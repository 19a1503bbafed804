"""A group of batches as the columns of one statement. Pure.

Postgres takes a group as arrays. Batches of a run stand side by side, each run is named once with its slice, and numbers go as the text of
an array, joined in one go: the driver's own way costs several times as much a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class OfBatch(Protocol):
    """A fence or a request for one."""

    @property
    def simulation_id(self) -> UUID: ...
    @property
    def batch(self) -> int: ...
    @property
    def attempt(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Group:
    """`order`: which of the given stands where in the columns; the same batch and attempt given again is left out."""

    order: Sequence[int]
    runs: Sequence[UUID]
    size: int  # how many were given
    parameters: dict[str, object]  # simulations, firsts, lasts; numbers, attempts

    def told(self, places: Sequence[int] | None) -> list[bool]:
        """Which of those given stand at these places of the columns, counted from 1. None: at all that there are."""
        if places is None and len(self.order) == self.size:
            return [True] * self.size
        meant = set(self.order) if places is None else {self.order[place - 1] for place in places}
        return [position in meant for position in range(self.size)]


def grouped(given: Sequence[OfBatch]) -> Group:
    by_run: dict[UUID, dict[tuple[int, int], int]] = {}
    for position, one in enumerate(given):
        by_run.setdefault(one.simulation_id, {}).setdefault((one.batch, one.attempt), position)
    firsts: list[int] = []
    lasts: list[int] = []
    order: list[int] = []
    for positions in by_run.values():
        firsts.append(len(order) + 1)
        order.extend(positions.values())
        lasts.append(len(order))
    return Group(
        order=order,
        runs=list(by_run),
        size=len(given),
        parameters={
            "simulations": list(by_run),
            "firsts": array(firsts),
            "lasts": array(lasts),
            "numbers": array([given[position].batch for position in order]),
            "attempts": array([given[position].attempt for position in order]),
        },
    )


def array(values: list[int]) -> str:
    """Postgres's text of an array."""
    return "{" + str(values)[1:-1] + "}"


def array_with_gaps(values: Iterable[int | None]) -> str:
    """None is NULL."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def lines(values: Iterable[str]) -> str:
    """Texts without line ends, as JSON is, for string_to_array; an empty one is NULL. As elements of an array they would be escaped."""
    return "\n".join(values)
