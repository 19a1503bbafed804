"""Section hubspot: B2B records a second through HubSpot's limit of calls, and what is lost or doubled when it answers badly.

Ours is the product's scheduler and one worker process, the peer a BullMQ worker that makes one call an object. Both stand behind the same
emulator, which is a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulation_bench import peer, valkey
from simulation_bench.figures import Figure, figure, worst
from simulation_bench.hubspot import alone, faults, faulty, ours, slow_model, theirs
from simulation_bench.hubspot.behind import CALL_MS, CALLS_PER_TEN_SECONDS, Span
from simulation_bench.hubspot.faulty import Faulty, Load
from simulation_bench.hubspot.rate import Throughput
from simulation_bench.postgres import Databases, databases

ROUNDS = 3
SPAN = Span(warm_up_s=12, measured_s=30)  # ten seconds after its start no call counts any more that a full bucket let through
FAULTY_ROUNDS = 2
LOAD = Load(per_second=120, seconds=60)
ALONE_SECONDS = 5.0
MODEL_ROUNDS = 2
MODEL_PER_SECOND, MODEL_SECONDS = 20, 60

Say = Callable[[str], None]


def figures(say: Say) -> Mapping[str, Figure]:
    beside = peer.find(say)
    with databases() as made, valkey.valkey() as url:
        return {
            **_throughput(made, url, beside, say),
            **_faulty(made, url, beside, say),
            **_slow_model(made, url, say),
            **_emulator_alone(say),
        }


def _throughput(databases: Databases, url: str, beside: peer.Peer, say: Say) -> Mapping[str, Figure]:
    found: list[Throughput] = []
    found_of_peer: list[Throughput] = []
    for number in range(ROUNDS):
        say(f"one worker behind {CALLS_PER_TEN_SECONDS} calls/10 s at {CALL_MS} ms a call, {number + 1} of {ROUNDS}")
        found.append(ours.round_of(databases, url, SPAN))
        say(found[-1].said)
        if beside.absent is None:
            say(f"BullMQ, one call an object, {number + 1} of {ROUNDS}")
            found_of_peer.append(theirs.round_of(beside, url, SPAN))
            say(found_of_peer[-1].said)
    return of_throughput(found, found_of_peer, beside)


def _faulty(databases: Databases, url: str, beside: peer.Peer, say: Say) -> Mapping[str, Figure]:
    found: list[Faulty] = []
    found_of_peer: list[Faulty] = []
    for number in range(FAULTY_ROUNDS):
        say(f"{LOAD.records:,} records, {faults.PERCENT:g} % of calls with a fault, {number + 1} of {FAULTY_ROUNDS}")
        found.append(faulty.ours(databases, url, LOAD, seed=number))
        say(found[-1].said)
        if beside.absent is None:
            say(f"BullMQ with the same faults, {number + 1} of {FAULTY_ROUNDS}")
            found_of_peer.append(faulty.theirs(beside, url, LOAD, seed=number))
            say(found_of_peer[-1].said)
    return of_faulty(found, found_of_peer, beside)


def _slow_model(databases: Databases, url: str, say: Say) -> Mapping[str, Figure]:
    rounds = []
    answer_s = slow_model.ANSWER_MS // 1000
    for number in range(MODEL_ROUNDS):
        say(f"{MODEL_PER_SECOND} records a second from a model that takes {answer_s} s an answer, {number + 1} of {MODEL_ROUNDS}")
        rounds.append(slow_model.late_records(databases, url, per_second=MODEL_PER_SECOND, seconds=MODEL_SECONDS))
        say(f"{rounds[-1]:,} late")
    allowed = f"delivered more than {slow_model.TOLERANCE_MS + slow_model.CALLS_MS:,} ms after it was due, or not in the model's words"
    records = f"{MODEL_PER_SECOND * MODEL_SECONDS:,} records, {MODEL_PER_SECOND} a second"
    note = f"the worst of {len(rounds)} rounds of {records}; late is what was {allowed}; no peer: BullMQ makes no records"
    return {f"model_{answer_s}s_late_records": worst(rounds, "records", note=note)}


def _emulator_alone(say: Say) -> Mapping[str, Figure]:
    rounds = []
    for number in range(ROUNDS):
        say(f"the emulator alone, {number + 1} of {ROUNDS}")
        rounds.append(alone.records_per_s(ALONE_SECONDS))
    note = f"companies upserted in batches of {alone.A_CALL} over {alone.CONNECTIONS} connections, without limits"
    return {"emulator_records_per_s": figure(rounds, "records/s", note=f"{note}; no peer: it is the ground of both sides")}


def of_throughput(found: Sequence[Throughput], found_of_peer: Sequence[Throughput], beside: peer.Peer) -> Mapping[str, Figure]:
    behind = f"B2B records behind {CALLS_PER_TEN_SECONDS} calls/10 s at {CALL_MS} ms a call, {SPAN.measured_s} s of each round"
    counted = f"{behind}; ours: {found[-1].said}"
    note = beside.noted("; BullMQ: ".join([counted, *(each.said for each in found_of_peer[-1:])]))
    rates, rates_of_peer = [each.records_per_s for each in found], [each.records_per_s for each in found_of_peer]
    shares, shares_of_peer = [each.percent_429 for each in found], [each.percent_429 for each in found_of_peer]
    return {
        "records_per_s": figure(rates, "records/s", peer=rates_of_peer, more_is_better=True, note=note),
        "percent_429": figure(shares, "% of calls", peer=shares_of_peer, note=note),
    }


def of_faulty(found: Sequence[Faulty], found_of_peer: Sequence[Faulty], beside: peer.Peer) -> Mapping[str, Figure]:
    hits = faults.said([each.hits for each in found], sum(each.calls for each in found))
    said = f"lost plus duplicated, the worst of {len(found)} rounds; {hits}"
    note = beside.noted("; BullMQ: ".join([said, *(each.said for each in found_of_peer[-1:])]))
    return {
        "faults_5_percent": worst([_wrong(each) for each in found], "records", peer=[_wrong(each) for each in found_of_peer], note=note)
    }


def _wrong(round_: Faulty) -> int:
    return round_.judged.lost + round_.judged.duplicates
