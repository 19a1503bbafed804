"""Tokens before the claim: no job is taken for which its portal's budget gives out no calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulation_core.kinds import Kind
from simulation_core.queue import taking_scripts
from simulation_core.queue.admission import Gate
from simulation_core.queue.names import queue_name
from simulation_core.queue.taking import Intake

EAST = queue_name(Kind.DELIVER, "east")
# Ten jobs a load, each load three calls; a burst of nine calls, and one a second after it.
GATE = Gate(
    key="budget", holder="w1", spacing_us=1e6, tolerance_us=8e6, patience_us=0, given_back=0,
    jobs_a_load=10, jobs_a_call=10, calls_each=2, calls_more=1,
)  # fmt: skip


@pytest.fixture
def intake(redis):
    return Intake(redis, "w1", lease_seconds=15)


@pytest.fixture
def due(scheduler, offers):
    def push(count=1):
        scheduler.schedule_offers(offers(count, in_ms=-1000, step_ms=1))

    return push


@pytest.fixture
def rested(redis):
    """Nobody called for long."""
    redis.hset("budget", "tat", 1)


def test_loads_are_taken_as_far_as_there_are_calls(intake, due, waiting, rested):
    due(50)
    order = waiting.queued
    taken = intake.take({EAST: 50}, gates={EAST: GATE})
    assert [job.id for job in taken.jobs] == order[:30]
    admission = taken.admissions[EAST]
    assert admission.uses == 9
    assert admission.first_us == -8_000_000  # the whole burst
    assert 900_000 < admission.wait_us <= 1_000_000
    assert waiting.queued == order[30:]


def test_a_load_that_is_not_full_is_taken_too_and_costs_a_whole_one(intake, due, rested):
    due(12)
    taken = intake.take({EAST: 50}, gates={EAST: GATE})
    assert (len(taken.jobs), taken.admissions[EAST].uses) == (12, 6)


def test_a_job_that_was_popped_and_may_not_be_begun_is_the_first_again(intake, redis, due, waiting):
    due(3)
    order = waiting.queued
    assert intake.take({EAST: 1}, gates={EAST: GATE}).jobs  # a budget that isn't there starts empty: one call, and the load's others later
    popped = intake.wait([EAST], 1)
    taken = intake.take({EAST: 10}, popped, {EAST: GATE})
    assert not taken
    assert waiting.queued == order[1:]
    assert redis.hget(f"rq:job:{order[1]}", "status") == b"queued"


def test_nothing_is_taken_while_a_pause_lasts(intake, redis, due, waiting, rested):
    due(3)
    now_us = int(redis.time()[0]) * 1_000_000
    redis.hset("budget", mapping={"until": now_us + 60_000_000, "why": "PortalThrottled", "generation": 4})
    taken = intake.take({EAST: 10}, gates={EAST: GATE})
    assert not taken
    admission = taken.admissions[EAST]
    assert (admission.why, admission.generation, admission.uses) == ("PortalThrottled", 4, 0)
    assert 55_000_000 < admission.shut_us <= 60_000_000
    assert len(waiting.queued) == 3


def test_who_tries_whether_things_are_well_takes_one_load_and_nobody_else_any(intake, redis, due, rested):
    due(30)
    redis.hset("budget", "opens", 1)
    taken = intake.take({EAST: 30}, gates={EAST: GATE})
    assert len(taken.jobs) == 10
    assert taken.admissions[EAST].trying
    assert not intake.take({EAST: 30}, gates={EAST: replace(GATE, holder="w2")})
    assert len(intake.take({EAST: 30}, gates={EAST: GATE}).jobs) == 10


def test_what_was_given_back_is_there_again(intake, due, rested):
    due(60)
    assert len(intake.take({EAST: 60}, gates={EAST: GATE}).jobs) == 30
    assert len(intake.take({EAST: 60}, gates={EAST: replace(GATE, given_back=3)}).jobs) == 10


def test_a_queue_without_a_gate_is_taken_from_as_ever(intake, due):
    due(5)
    taken = intake.take({EAST: 4})
    assert (len(taken.jobs), taken.admissions) == (4, {})


def test_without_the_gate_it_would_take_more_than_there_are_calls_for(intake, due, rested, monkeypatch):
    refusal = "if not enter(it, math.ceil(jobs / call) * each + more, tonumber(ARGV[i + 4])) then break end"
    assert refusal in taking_scripts.TAKE
    monkeypatch.setattr(intake, "_take", intake._redis.register_script(taking_scripts.TAKE.replace(refusal, "")))
    due(50)
    assert len(intake.take({EAST: 50}, gates={EAST: GATE}).jobs) == 50
