"""The one limiter: a burst at once, a rate in the long run, in the order of asking."""

from __future__ import annotations

import asyncio

import pytest

from simulation_operator.limiter import PATIENT_ONE_IN, Limiter


class Time:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


def limiter(time: Time) -> Limiter:
    return Limiter(rate_per_second=40, burst=10, clock=time, sleep=time.sleep)


async def test_a_burst_passes_at_once(time: Time) -> None:
    writes = limiter(time)
    assert [await writes.take() for _ in range(10)] == [0.0] * 10


async def test_no_second_sees_more_than_burst_and_rate(time: Time) -> None:
    writes = limiter(time)
    moments = []
    for _ in range(400):
        await writes.take()
        moments.append(time.seconds)
    busiest = max(sum(1 for other in moments if moment <= other < moment + 1) for moment in moments)
    assert busiest <= 50
    assert time.seconds == pytest.approx((400 - 10) / 40)


async def test_an_idle_hour_does_not_save_up_more_than_the_burst(time: Time) -> None:
    writes = limiter(time)
    time.seconds += 3600
    waits = [await writes.take() for _ in range(11)]
    assert waits[-1] > 0


async def test_writes_pass_in_the_order_in_which_they_asked(time: Time) -> None:
    writes = limiter(time)
    passed: list[int] = []

    async def write(number: int) -> None:
        await writes.take()
        passed.append(number)

    await asyncio.gather(*(write(number) for number in range(30)))
    assert passed == list(range(30))


async def order_of_passing(time: Time, *, patient: int, others: int) -> list[str]:
    writes = limiter(time)
    passed: list[str] = []

    async def write(name: str) -> None:
        await writes.take(patient=name == "patient")
        passed.append(name)

    await asyncio.gather(*(write("other") for _ in range(others)), *(write("patient") for _ in range(patient)))
    return passed


async def test_patient_writes_let_the_others_pass(time: Time) -> None:
    passed = await order_of_passing(time, patient=10, others=90)
    assert passed.index("patient") == PATIENT_ONE_IN - 1
    assert passed[: 6 * PATIENT_ONE_IN].count("patient") == 6


async def test_of_so_many_writes_one_may_be_patient_however_many_wait(time: Time) -> None:
    passed = await order_of_passing(time, patient=20, others=20 * (PATIENT_ONE_IN - 1))
    every = slice(PATIENT_ONE_IN - 1, None, PATIENT_ONE_IN)
    assert set(passed[every]) == {"patient"}
    assert passed.count("patient") == len(passed[every]) == 20


async def test_patient_writes_alone_have_the_whole_rate(time: Time) -> None:
    await order_of_passing(time, patient=90, others=0)
    assert time.seconds == pytest.approx((90 - 10) / 40)


async def test_who_gives_up_waiting_holds_nobody_up(time: Time) -> None:
    writes = limiter(time)
    for _ in range(10):
        await writes.take()
    tasks = [asyncio.create_task(writes.take(patient=number % 2 == 0)) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert [isinstance(each, asyncio.CancelledError) for each in done] == [number % 3 == 0 for number in range(20)]
