"""Lists of very many Simulations leave the API server to others most of the time, and are complete before their deadline all the same."""

from __future__ import annotations

from simulation_operator.pace import LONGEST_SHARE, RESTS_BETWEEN_LISTS, RESTS_BETWEEN_PAGES, Pace

EVERY_SECONDS = 30.0
DEADLINE_SECONDS = 300.0


class Lists:
    """Of so many pages, each of which takes so long."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rests: list[float] = []
        self.pace = Pace(every_seconds=EVERY_SECONDS, deadline_seconds=DEADLINE_SECONDS, clock=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    async def take(self, pages: int, page_seconds: float, *, hurried: bool = False, fails: bool = False) -> float:
        """How long the whole list took."""
        self.rests.clear()
        begun = self.now
        self.pace.begin(hurried=hurried)
        for _ in range(pages):
            self.now += page_seconds
            await self.pace.page_done()
        if not fails:
            self.pace.complete()
        return self.now - begun


async def test_a_list_rests_after_each_page_but_the_first_one() -> None:
    lists = Lists()
    await lists.take(3, 0.5)
    assert lists.rests == []
    await lists.take(3, 0.5)
    assert lists.rests == [0.5 * RESTS_BETWEEN_PAGES] * 3


async def test_a_hurried_one_does_not() -> None:
    lists = Lists()
    await lists.take(1, 0.5)
    await lists.take(3, 0.5, hurried=True)
    assert lists.rests == []


async def test_after_a_failure_the_next_one_is_hurried_and_not_waited_for() -> None:
    lists = Lists()
    await lists.take(20, 1)
    await lists.take(20, 1, fails=True)
    assert lists.pace.seconds_between_lists == EVERY_SECONDS
    await lists.take(3, 1)
    assert lists.rests == []


async def test_who_is_asked_for_a_list_rests_no_more() -> None:
    lists = Lists()
    await lists.take(1, 0.5)
    lists.pace.begin(hurried=False)
    lists.pace.hurry()
    lists.now += 0.5
    await lists.pace.page_done()
    assert lists.rests == []


async def test_a_short_list_is_taken_at_the_usual_time_and_a_long_one_later() -> None:
    lists = Lists()
    assert lists.pace.seconds_between_lists == EVERY_SECONDS
    await lists.take(2, 0.25)
    assert lists.pace.seconds_between_lists == EVERY_SECONDS
    await lists.take(20, 0.125)
    assert lists.pace.seconds_between_lists == 2.5 * RESTS_BETWEEN_LISTS, "rests don't count"
    await lists.take(2, 0.25)
    assert lists.pace.seconds_between_lists == EVERY_SECONDS, "nor do lists of long ago"


async def test_a_list_that_takes_half_of_its_deadline_is_complete_in_time_even_with_the_wait_before_it() -> None:
    lists = Lists()
    await lists.take(200, 0.75)
    waited = lists.pace.seconds_between_lists
    assert waited == DEADLINE_SECONDS / LONGEST_SHARE
    assert waited + await lists.take(200, 0.75) < DEADLINE_SECONDS
