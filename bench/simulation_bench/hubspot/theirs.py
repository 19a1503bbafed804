"""BullMQ behind the same limit: one worker that makes one call an object, paced by its own limiter."""

from __future__ import annotations

from simulation_bench import peer, portals, valkey
from simulation_bench.emulator import emulator
from simulation_bench.hubspot.behind import CALLS_PER_TEN_SECONDS, LATENCY, Span
from simulation_bench.hubspot.rate import Throughput, sustained

CONCURRENCY = 50
ATTEMPTS = 5
CALLS_A_RECORD = 3  # company, contact, association
CALLS_A_SECOND = CALLS_PER_TEN_SECONDS // 10


def round_of(beside: peer.Peer, url: str, span: Span) -> Throughput:
    valkey.empty(url)
    records = CALLS_A_SECOND * (span.seconds + 5) // CALLS_A_RECORD
    with emulator(CALLS_PER_TEN_SECONDS) as crm:
        crm.add_key_property(unique=False)
        crm.add_fault(LATENCY)
        given = {"hubspot": crm.url, "token": portals.TOKEN, "concurrency": CONCURRENCY, "attempts": ATTEMPTS}
        given |= {"calls_a_second": CALLS_A_SECOND, "records": records, "seconds": span.seconds}
        done = beside.measured("hubspot", url=url, **given)
        return Throughput(records_per_s=sustained(done["done_ms"], *span.within(done["start_ms"])), calls=crm.calls_by_status())
