"""A group's columns name each run once, and what comes back by place is told by what was given."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from simulation_core.ledger.groups import array, array_with_gaps, grouped
from simulation_core.ledger.values import Fence

FENCES = st.lists(st.builds(Fence, st.integers(1, 4).map(lambda number: UUID(int=number)), st.integers(0, 5), st.integers(1, 2)))


def numbers(literal):
    return [int(each) for each in literal.strip("{}").split(",") if each]


@given(FENCES)
def test_each_run_has_a_slice_and_each_claim_one_place_in_it(fences):
    group = grouped(fences)
    simulations = group.parameters["simulations"]
    firsts, lasts, batches, attempts = (numbers(group.parameters[name]) for name in ("firsts", "lasts", "numbers", "attempts"))
    named = [
        Fence(run, batches[place - 1], attempts[place - 1])
        for run, first, last in zip(simulations, firsts, lasts, strict=True)
        for place in range(first, last + 1)
    ]
    assert named == [fences[position] for position in group.order]
    assert sorted(named) == sorted(set(fences))
    assert len(set(simulations)) == len(simulations)


@given(FENCES)
def test_of_what_was_given_twice_the_first_is_told_of(fences):
    told = grouped(fences).told(None)
    assert told == [fence not in fences[:position] for position, fence in enumerate(fences)]


def test_only_what_came_back_is_told_of():
    one, other, third = Fence(UUID(int=1), 0, 1), Fence(UUID(int=2), 0, 1), Fence(UUID(int=1), 1, 1)
    assert grouped([one, other, third]).told([2]) == [False, False, True]  # side by side: one, third, other
    assert grouped([one, other, third]).told([]) == [False] * 3


def test_arrays_are_postgres_s():
    assert array([1, 2]) == "{1, 2}"
    assert array([]) == "{}"
    assert array_with_gaps([1, None]) == "{1,NULL}"
