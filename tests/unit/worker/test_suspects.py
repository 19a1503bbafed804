"""A 500 is held against an object only if others were written between two of them, by a call begun after the first."""

from __future__ import annotations

from simulation_worker.crm.suspects import Suspects

KIND = "upsert contacts"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_what_was_under_way_when_an_outage_began_proves_nothing() -> None:
    clock = Clock()
    suspects = Suspects(clock=clock)
    clock.now_s = 1.0
    assert not suspects.are_to_blame(KIND, ["a"])
    clock.now_s = 2.0
    suspects.succeeded(KIND, ["b"], begun_s=0.5)
    assert not suspects.are_to_blame(KIND, ["a"])


def test_one_success_between_two_500s_counts_once() -> None:
    clock = Clock()
    suspects = Suspects(clock=clock)
    assert not suspects.are_to_blame(KIND, ["a"])
    clock.now_s = 2.0
    suspects.succeeded(KIND, ["b"], begun_s=1.0)
    assert suspects.are_to_blame(KIND, ["a"])
    clock.now_s = 60.0
    assert not suspects.are_to_blame(KIND, ["a"]), "the outage goes on"


def test_all_of_a_call_must_have_been_met_before() -> None:
    clock = Clock()
    suspects = Suspects(clock=clock)
    suspects.are_to_blame(KIND, ["a"])
    suspects.succeeded(KIND, ["b"], begun_s=1.0)
    assert not suspects.are_to_blame(KIND, ["a", "new"])
    assert not suspects.are_to_blame("upsert companies", ["a"])


def test_what_was_written_is_met_anew() -> None:
    clock = Clock()
    suspects = Suspects(clock=clock)
    suspects.are_to_blame(KIND, ["a"])
    suspects.succeeded(KIND, ["a"], begun_s=1.0)
    suspects.succeeded(KIND, ["b"], begun_s=2.0)
    assert not suspects.are_to_blame(KIND, ["a"])
