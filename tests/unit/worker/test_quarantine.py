"""Calls for finding out by which record a call was refused: each thread's grant is its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from simulation_worker.crm.quarantine import AT_ONCE, Quarantine


def test_two_loads_that_halve_at_the_same_time_don_t_use_up_each_others_calls() -> None:
    grants = iter([AT_ONCE, AT_ONCE])
    quarantine, together = Quarantine(lambda _: next(grants, 0)), Barrier(2)

    def calls_in_a_row() -> list[bool]:
        taken = []
        for _ in range(AT_ONCE):
            together.wait()
            taken.append(quarantine.may_search())
        return taken

    with ThreadPoolExecutor(2) as pool:
        taken = [one.result() for one in [pool.submit(calls_in_a_row) for _ in range(2)]]
    assert taken == [[True] * AT_ONCE] * 2
    assert next(grants, None) is None


def test_what_was_granted_long_ago_is_not_used() -> None:
    now_s = 0.0
    grants = iter([AT_ONCE, 0])
    quarantine = Quarantine(lambda _: next(grants), clock=lambda: now_s)
    assert quarantine.may_search()
    now_s = 60.0
    assert not quarantine.may_search()
