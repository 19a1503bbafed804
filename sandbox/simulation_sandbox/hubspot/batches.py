"""Batch writes: all or nothing, unless every input carries a trace id of its own; then each input stands for itself (207)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulation_core.clock import iso_ms, now_ms
from simulation_sandbox.hubspot.answers import Answer, ApiError, Json, conflict, invalid
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.records import Record, Records

MAX_INPUTS = 100


@dataclass(slots=True)
class Write:
    """One input that passed its checks: a record to change, or None for a new one."""

    values: dict[str, str]
    record: Record | None
    trace_id: str | None
    associations: list[Json]


def inputs_of(body: Any, at_most: int = MAX_INPUTS) -> list[Json]:
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
        raise invalid("Invalid input JSON: a list of objects is expected in [inputs]")
    if len(inputs) > at_most:
        raise invalid(f"Maximum batch size is {at_most}, got {len(inputs)}. Split the batch and try again.")
    return inputs


def key_of(given: Json) -> str:
    key = given.get("id")
    if not isinstance(key, (str, int)) or key == "":
        raise invalid("Some required fields were not set: [id]")
    return str(key)


def refuse_duplicates(keys: list[str]) -> None:
    if len(set(keys)) == len(keys):
        return
    twice = sorted({key for key in keys if keys.count(key) > 1})
    raise invalid(f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique")


def prepare_create(records: Records, given: Json) -> Write:
    values = records.properties.checked(given.get("properties") or {})
    records.check(values, None)
    return Write(values, None, given.get("objectWriteTraceId"), given.get("associations") or [])


def prepare_update(records: Records, given: Json) -> Write:
    record = records.get(key_of(given), given.get("idProperty"))
    values = records.properties.checked(given.get("properties") or {})
    records.check(values, record)
    return Write(values, record, given.get("objectWriteTraceId"), [])


def prepare_upsert(records: Records, given: Json) -> Write:
    """The id is the value of `idProperty`: who has it is updated; if nobody has it, a record is created with it."""
    key, id_property = key_of(given), given.get("idProperty")
    if not id_property:
        return prepare_update(records, given)
    record = records.find(key, id_property)
    # a value given for the id property itself wins (a rename); without one, the id is the value
    values = records.properties.checked({id_property: key} | (given.get("properties") or {}))
    records.check(values, record)
    return Write(values, record, given.get("objectWriteTraceId"), [])


@dataclass(frozen=True, slots=True)
class Written:
    record: Record
    new: bool
    trace_id: str | None


def write(
    records: Records, inputs: list[Json], prepare: Callable[[Records, Json], Write], associate: Callable[[Record, list[Json]], None]
) -> tuple[list[Written], list[Json]]:
    """What was written, in HubSpot's own order, and the errors of inputs that stand for themselves.

    Without a trace id on each input nothing is written when one is bad. A conflict (409) always rejects the whole batch.
    """
    writes, errors = _judge(records, inputs, prepare)
    done: list[Written] = []
    moment = now_ms()
    for wanted in writes:
        record = wanted.record
        if record is None:
            record = records.create(wanted.values, moment)
        else:
            records.update(record, wanted.values, moment)
        associate(record, wanted.associations)
        done.append(Written(record, wanted.record is None, wanted.trace_id))
    _shuffle(done)
    return done, errors


def _judge(records: Records, inputs: list[Json], prepare: Callable[[Records, Json], Write]) -> tuple[list[Write], list[Json]]:
    """All inputs are judged before the first is written."""
    traces = {given.get("objectWriteTraceId") or None for given in inputs}
    alone = None not in traces and len(traces) == len(inputs)
    writes: list[Write] = []
    errors: list[Json] = []
    claimed: set[tuple[str, str]] = set()
    for given in inputs:
        try:
            wanted = prepare(records, given)
            _claim_unique_values(records, wanted, claimed)
        except ApiError as refusal:
            if not alone or refusal.status == 409:
                raise
            errors.append(refusal.as_error({"objectWriteTraceId": [given["objectWriteTraceId"]]}))
        else:
            writes.append(wanted)
    return writes, errors


def _claim_unique_values(records: Records, wanted: Write, claimed: set[tuple[str, str]]) -> None:
    """Two inputs of one batch can't both get the same unique value."""
    for name in records.properties.unique_names:
        value = wanted.values.get(name)
        if not value:
            continue
        if (name, value) in claimed:
            message = f"Two inputs of this batch have the same {name}: {value}"
            raise conflict(message) if name == "email" else invalid(message)
        claimed.add((name, value))


def _shuffle(done: list[Written]) -> None:
    """HubSpot promises no order. Seeded by the content, so that a failing test fails again in the same way."""
    random.Random(int(done[0].record.id) if done else 0).shuffle(done)  # noqa: S311 — an order, not a secret


def batch_answer(
    call: Call, status: int, results: list[Json], errors: list[Json], started_ms: int, *, partly_failed: int | None = None
) -> Answer:
    body: Json = {"status": "COMPLETE", "results": results, "startedAt": iso_ms(started_ms), "completedAt": iso_ms(now_ms())}
    if not errors:
        return Answer(status, body)
    return Answer(partly_failed or call.version.partly_failed or status, body | {"numErrors": len(errors), "errors": errors})
