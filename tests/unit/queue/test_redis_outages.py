"""Outages have one name; faults of our own are not hidden behind it."""

from __future__ import annotations

import pytest
from redis import exceptions

from simulation_core.errors import QueueUnavailableError, SettingsError
from simulation_core.queue.connection import connect, outages_translated


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError("Error 111 connecting to redis:6379. Connection refused."),
        exceptions.AuthenticationError("invalid username-password pair"),
        exceptions.TimeoutError("Timeout reading from redis:6379"),
        exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
        exceptions.ReadOnlyError("You can't write against a read only replica."),
        exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."),
        exceptions.ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"),
    ],
)
def test_what_waiting_can_mend_is_queue_unavailable(error):
    with pytest.raises(QueueUnavailableError), outages_translated():
        raise error


def test_a_fault_in_a_script_stays_what_it_is():
    with pytest.raises(exceptions.ResponseError), outages_translated():
        raise exceptions.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")


def test_a_url_that_cant_be_read_is_named_without_its_password():
    with pytest.raises(SettingsError, match="SIMULATION_REDIS_URL") as refused:
        connect("http://:hunter2@redis:6379")
    assert "hunter2" not in str(refused.value)
