"""What was reserved for a load is spent once, in its order."""

from __future__ import annotations

import pytest

from simulation_core.queue.admission import Admission
from simulation_worker.budget.keys import app_key, search_key
from simulation_worker.budget.purse import Purse


def test_its_calls_may_begin_one_after_the_other_from_the_first_on() -> None:
    purse = Purse.of(Admission(uses=3, first_us=-50_000), 60_000, answered_s=10.0)
    assert [purse.pay() for _ in range(3)] == pytest.approx([9.95, 10.01, 10.07])
    assert purse.pay() is None


def test_loads_share_it_in_their_order_and_the_rest_is_left() -> None:
    purse = Purse([1.0, 2.0, 3.0, 4.0])
    first, second = purse.split(2), purse.split(1)
    assert (first.pay(), first.pay(), second.pay()) == (1.0, 2.0, 3.0)
    assert (purse.empty(), purse.empty()) == ([4.0], [])


def test_a_load_that_needs_more_than_there_is_gets_what_there_is() -> None:
    assert Purse([1.0]).split(5).empty() == [1.0]


def test_moments_that_are_over_are_lost() -> None:
    purse = Purse([1.0, 2.0, 3.0, 4.0])
    assert (purse.pay(2.5), purse.pay(2.5), purse.pay(2.5)) == (3.0, 4.0, None)


def test_a_key_tells_servers_and_tokens_apart_and_shows_neither() -> None:
    keys = {app_key(None, "secret"), app_key(None, "other"), app_key("http://a.test", "secret"), search_key(None, 1), search_key(None, 2)}
    assert len(keys) == 5
    assert app_key("http://a.test/", "secret") == app_key("http://A.test", "secret")
    assert app_key(None, "secret") == app_key("https://api.hubapi.com", "secret")
    assert not any("secret" in key or "a.test" in key for key in keys)
