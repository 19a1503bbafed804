"""The key queue: a key waits once, is never worked on twice at a time, and comes back after its back-off."""

from __future__ import annotations

import asyncio

import pytest

from simulation_operator.keys import MOST_RETRIES, KeyQueue


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def take(queue: KeyQueue[str]) -> str:
    return await asyncio.wait_for(queue.get(), timeout=2)


async def taken_now(queue: KeyQueue[str]) -> str | None:
    """The key that can be had at this moment; None when a getter is left waiting although everything that could run has run."""
    getter = asyncio.ensure_future(queue.get())
    for _ in range(5):
        await asyncio.sleep(0)
    if getter.done():
        return getter.result()
    getter.cancel()
    return None


async def is_idle(queue: KeyQueue[str]) -> bool:
    return await taken_now(queue) is None


async def test_a_key_added_many_times_waits_once() -> None:
    queue = KeyQueue[str]()
    for _ in range(5):
        queue.add("a")
    assert await take(queue) == "a"
    queue.done("a")
    assert await is_idle(queue)


async def test_keys_come_in_the_order_in_which_they_fall_due() -> None:
    clock = Clock()
    queue = KeyQueue[str](clock)
    queue.add("late", after_seconds=5)
    queue.add("soon", after_seconds=1)
    assert await is_idle(queue)
    clock.seconds += 10
    assert [await take(queue), await take(queue)] == ["soon", "late"]


async def test_an_earlier_moment_wins() -> None:
    clock = Clock()
    queue = KeyQueue[str](clock)
    queue.add("a", after_seconds=60)
    queue.add("a")
    assert await take(queue) == "a"
    queue.done("a")
    clock.seconds += 61
    assert await is_idle(queue)


async def test_a_key_seen_while_it_is_worked_on_comes_again_afterwards() -> None:
    queue = KeyQueue[str]()
    queue.add("a")
    await take(queue)
    queue.add("a")
    assert await is_idle(queue)
    queue.done("a")
    assert await take(queue) == "a"


async def test_two_getters_get_two_keys() -> None:
    queue = KeyQueue[str]()
    getters = [asyncio.ensure_future(take(queue)) for _ in range(2)]
    await asyncio.sleep(0)
    queue.add("a")
    queue.add("b")
    assert sorted(await asyncio.gather(*getters)) == ["a", "b"]


async def test_a_waiting_getter_is_woken_when_a_delay_ends() -> None:
    queue = KeyQueue[str]()
    queue.add("a", after_seconds=0.02)
    assert await take(queue) == "a"


async def test_what_a_list_brought_lets_others_pass_and_is_patient_no_longer_once_somebody_asks() -> None:
    clock = Clock()
    queue = KeyQueue[str](clock)
    for key in ("a", "b", "c"):
        queue.add(key, patient=True)
    clock.seconds += 1
    queue.add("asked")
    queue.add("b")
    assert [await take(queue) for _ in range(4)] == ["b", "asked", "a", "c"]
    assert await is_idle(queue)


async def test_a_patient_key_doesnt_wait_for_one_that_is_not_due() -> None:
    queue = KeyQueue[str]()
    queue.add("in a minute", after_seconds=60)
    queue.add("a", patient=True)
    assert await take(queue) == "a"


async def test_retries_back_off_and_are_bounded() -> None:
    clock = Clock()
    queue = KeyQueue[str](clock)
    waits = []
    for _ in range(MOST_RETRIES):
        assert queue.retry("a")
        before = clock.seconds
        while await taken_now(queue) is None:
            clock.seconds += 0.25
        waits.append(clock.seconds - before)
        queue.done("a")
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(0.25)
    assert waits[-1] == pytest.approx(30)
    assert not queue.retry("a")
    assert await is_idle(queue)


async def test_success_forgets_earlier_failures() -> None:
    queue = KeyQueue[str]()
    for _ in range(MOST_RETRIES):
        queue.retry("a")
    queue.forget("a")
    assert queue.retry("a")
