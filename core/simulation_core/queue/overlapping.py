"""One script called many times, the next call on its way while Redis works on the one before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from redis import Redis

Arguments = Sequence[str | int | bytes]


def called_in_turn(redis: Redis, script: str, key: str, calls: Iterable[Arguments]) -> Iterator[Any]:
    """The answers, in order. Between two calls Redis serves others, which it would not in a pipeline: those run in one go.

    Raises what redis-py raises; then some of the calls may have been carried out.
    """
    untyped: Any = redis
    sha = untyped.script_load(script)
    connection = untyped.connection_pool.get_connection()
    under_way = False
    try:
        for arguments in calls:
            connection.send_command("EVALSHA", sha, 1, key, *arguments)
            if under_way:
                yield connection.read_response()
            under_way = True
        if under_way:
            yield connection.read_response()
            under_way = False
    finally:
        if under_way:  # whoever got this connection next would read an answer that is ours
            connection.disconnect()
        untyped.connection_pool.release(connection)
