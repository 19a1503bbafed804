"""What the demo tells the emulator's page of its plan."""

from __future__ import annotations

from collections.abc import Sequence

from simulation_sandbox.demo.plan import SLICES, as_plan
from simulation_sandbox.demo.proof import Planned
from simulation_sandbox.hubspot.plan import Plan


def planned(*due_ms: int) -> Planned:
    return Planned(id="u-1", status="RUNNING", processed=0, primary="companies", due_ms=due_ms, contacts=0)


def counts(due_ms: Sequence[int]) -> list[int]:
    found: list[int] = as_plan(planned(*due_ms), name="n")["counts"]
    return found


def test_every_record_is_due_in_one_slice() -> None:
    due_ms = [1_000_000 + 37 * number for number in range(500)]
    assert len(counts(due_ms)) == SLICES
    assert counts(due_ms) == [5] * SLICES


def test_the_first_and_the_last_record_are_in_the_first_and_the_last_slice() -> None:
    found = counts([5_000, 5_000, 65_000])
    assert (found[0], found[-1], sum(found)) == (2, 1, 3)


def test_a_single_moment_has_a_plan_too() -> None:
    assert sum(counts([5_000])) == 1


def test_the_emulator_takes_it() -> None:
    told = Plan(as_plan(planned(1_000, 61_000), name="team-a/spring")).as_json([], 70_000)
    assert (told["total"], told["due"], told["objectType"], told["name"]) == (2, 2, "companies", "team-a/spring")
