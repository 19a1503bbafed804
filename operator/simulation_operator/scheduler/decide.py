"""What to offer: pure decisions, without Redis or Postgres."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from simulation_core.ledger.values import Offer
from simulation_core.portals import Portal, Portals
from simulation_core.queue.names import Kind, queue_name

FEED_SECONDS = 2  # a queue holds about this much of its portal's budget: more would only wait in Redis instead of in the ledger


def ceiling(portal: Portal) -> int:
    """How many due batches the portal's queue may hold: a batch takes at least one call, so it never runs dry between two ticks."""
    return max(1, portal.calls_per_ten_seconds * FEED_SECONDS // 10)


def ceilings(portals: Portals) -> dict[str, int]:
    """By queue."""
    return {queue_name(Kind.DELIVER, name): ceiling(portal) for name, portal in portals.items()}


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Ask the ledger for up to `limit` overdue batches of `portal`."""

    portal: str
    limit: int


def feeds(with_work: Iterable[str], portals: Portals, queued: Mapping[str, int]) -> list[Feed]:
    """Which portals are fed in this tick. `queued`: how many jobs wait, by portal.

    The limit is the whole ceiling, not what is free: the ledger also names batches that wait in the queue already, and those are
    skipped when they are offered. The ceiling itself is kept inside Redis, where several replicas can't exceed it together.
    A portal nobody configured is not fed: no worker serves it.
    """
    return [
        Feed(portal=name, limit=ceiling(portals[name]))
        for name in with_work
        if name in portals and queued.get(name, 0) < ceiling(portals[name])
    ]


def behind(feeds: Iterable[Feed], with_work: Iterable[str], overdue: Mapping[str, int]) -> frozenset[str]:
    """Queues of portals that have more due than they can take. `overdue`: how many batches the ledger named, by portal that was fed.

    For these the mover must leave what falls due to the ledger. It would fill each place a worker frees within milliseconds, always
    with what is newest, and the ledger's turn, once a tick, would never find one: the oldest batches, and every small simulation,
    would wait for as long as the overload lasts. Two seconds' worth a tick keep the workers busy meanwhile.
    """
    has_room = {feed.portal for feed in feeds if overdue.get(feed.portal, 0) < feed.limit}
    return frozenset(queue_name(Kind.DELIVER, portal) for portal in with_work if portal not in has_room)


def not_yet_offered(upcoming: Sequence[Offer], portals: Portals, offered: Collection[Offer]) -> list[Offer]:
    """Those this process hasn't put into Redis yet. Should one get lost there alone, it is offered again as soon as it is overdue."""
    return [offer for offer in upcoming if offer.portal in portals and offer not in offered]
