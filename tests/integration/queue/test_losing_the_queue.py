"""The epoch tells a lost queue, and the eviction policy tells that it may get lost."""

from __future__ import annotations

from simulation_core.queue.connection import connect, eviction_policy
from simulation_core.queue.epoch import KEY, Epoch


def test_as_long_as_redis_keeps_what_it_has_the_epoch_only_grows(redis):
    first, second = Epoch(redis), Epoch(redis)
    assert not any(epoch.lost() for _ in range(3) for epoch in (first, second, second))


def test_an_emptied_redis_is_noticed_once(redis):
    epoch = Epoch(redis)
    epoch.lost()
    redis.flushall()
    assert [epoch.lost(), epoch.lost()] == [True, False]


def test_an_older_state_is_noticed(redis):
    epoch = Epoch(redis)
    for _ in range(5):
        epoch.lost()
    redis.set(KEY, 2)
    assert epoch.lost()


def test_the_eviction_policy_is_what_the_server_says(own_server):
    redis = connect(own_server.url)
    assert eviction_policy(redis) == "noeviction"
    redis.config_set("maxmemory-policy", "allkeys-lru")
    assert eviction_policy(redis) == "allkeys-lru"
    redis.close()


def test_a_server_that_hides_its_configuration_is_not_an_error(own_server):
    admin = connect(own_server.url)
    admin.acl_setuser("limited", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-config"])
    port = admin.connection_pool.connection_kwargs["port"]
    limited = connect(f"redis://limited:pw@127.0.0.1:{port}/0")
    assert eviction_policy(limited) is None
    limited.close()
    admin.close()
