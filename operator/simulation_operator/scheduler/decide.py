"""What to offer: pure decisions, without Redis or Postgres."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulation_core.kinds import Kind
from simulation_core.portals import Portal, Portals
from simulation_core.queue.names import queue_name

FEED_SECONDS = 2  # a queue holds about this much of its portal's budget: more would only wait in Redis instead of in the ledger
RECORDS_A_CALL = 100  # HubSpot's limit; workers share calls between small batches of a portal
MOST_QUEUED = 10_000  # jobs; two seconds of the densest traffic there is, and as many as a tick reads again while a portal is behind


def ceiling(portal: Portal, records_a_batch: float) -> int:
    """How many due batches the portal's queue may hold: two seconds' worth of records if each call were full.

    So a queue of single records is as long in time as one of full batches, and it never runs dry between two ticks.
    """
    records = portal.calls_per_ten_seconds * FEED_SECONDS / 10 * RECORDS_A_CALL
    return max(1, min(MOST_QUEUED, int(records / max(1.0, records_a_batch))))


def ceilings(portals: Portals, records_a_batch: Mapping[str, float]) -> dict[str, int]:
    """By portal. One of whose batches nothing is known yet may hold as many as if each had one record."""
    return {name: ceiling(portal, records_a_batch.get(name, 1.0)) for name, portal in portals.items()}


def by_queue(ceilings: Mapping[str, int]) -> dict[str, int]:
    return {queue_name(Kind.DELIVER, portal): jobs for portal, jobs in ceilings.items()}


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Ask the ledger for up to `limit` overdue batches of `portal`."""

    portal: str
    limit: int


def feeds(with_work: Iterable[str], ceilings: Mapping[str, int], queued: Mapping[str, int]) -> list[Feed]:
    """Which portals are fed in this tick. `queued`: how many jobs wait, by portal.

    The limit is the whole ceiling, not what is free: the ledger also names batches that wait in the queue already, and those are
    skipped when they are offered. The ceiling itself is kept inside Redis, where several replicas can't exceed it together.
    A portal nobody configured is not fed: no worker serves it.
    """
    return [Feed(portal=name, limit=ceilings[name]) for name in with_work if name in ceilings and queued.get(name, 0) < ceilings[name]]


def behind(feeds: Iterable[Feed], with_work: Iterable[str], overdue: Mapping[str, int]) -> frozenset[str]:
    """Queues of portals that have more due than they can take. `overdue`: how many batches the ledger named, by portal that was fed.

    For these the mover must leave what falls due to the ledger. It would fill each place a worker frees within milliseconds, always
    with what is newest, and the ledger's turn, once a tick, would never find one: the oldest batches, and every small simulation,
    would wait for as long as the overload lasts. Two seconds' worth a tick keep the workers busy meanwhile.
    """
    has_room = {feed.portal for feed in feeds if overdue.get(feed.portal, 0) < feed.limit}
    return frozenset(queue_name(Kind.DELIVER, portal) for portal in with_work if portal not in has_room)
