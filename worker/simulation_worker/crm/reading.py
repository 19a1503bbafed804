"""What became of each input of a call, out of HubSpot's answer: matched by our keys, for HubSpot keeps no order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulation_core.reasons import Reason
from simulation_worker.crm.answers import Answer
from simulation_worker.crm.fates import Fate, Postponed, Rejected, Written
from simulation_worker.crm.inputs import Link, Object
from simulation_worker.crm.judge import BROKEN_MS, is_about_a_property, judge_error
from simulation_worker.crm.setup import KEY

MESSAGE_CHARACTERS = 500


def read_upsert(objects: Sequence[Object], answer: Answer) -> dict[str, Fate]:
    wanted = {each.key for each in objects}
    fates: dict[str, Fate] = {}
    for result in answer.results:
        key = (result.get("properties") or {}).get(KEY) or result.get("objectWriteTraceId")
        if key in wanted and result.get("id"):
            fates[str(key)] = Written(crm_id=str(result["id"]))
    for error in answer.errors:
        for key in (error.get("context") or {}).get("objectWriteTraceId") or ():
            if key in wanted:
                fates[str(key)] = _failed(error, answer)
    return fates


def read_found(objects: Sequence[Object], answer: Answer) -> dict[str, Fate]:
    """Those that are there, out of the answer to a look-up by key."""
    wanted = {each.key for each in objects}
    told = [((result.get("properties") or {}).get(KEY), result.get("id")) for result in answer.results]
    return {key: Written(crm_id=str(crm_id)) for key, crm_id in told if key in wanted and crm_id}


def read_associations(links: Sequence[Link], answer: Answer) -> dict[str, Fate]:
    """Only errors are named: an object that is gone. It is made again on the next try, so it counts as one and does not fail."""
    gone = {
        str(crm_id)
        for error in answer.errors
        for side in ("fromObjectId", "toObjectId")
        for crm_id in (error.get("context") or {}).get(side) or ()
    }
    if answer.errors and not gone:
        return {}
    return {
        link.key: tried("an object to be joined was gone", answer.correlation_id)
        if {link.from_id, link.to_id} & gone
        else Written(crm_id=link.from_id)
        for link in links
    }


def _failed(error: Mapping[str, Any], answer: Answer) -> Fate:
    message = short(str(error.get("message") or "HubSpot refused the record without a word"))
    correlation_id = error.get("correlationId") or answer.correlation_id
    verdict = judge_error(error)
    if verdict is not None and verdict.reason is not None:
        return Postponed(
            reason=verdict.reason,
            message=message if verdict.counts_as_try else short(f"{verdict.reason.meaning} HubSpot says: {message}"),
            wait_ms=verdict.wait_ms,
            counts_as_try=verdict.counts_as_try,
            correlation_id=correlation_id,
        )
    about_all = is_about_a_property(error)
    return Rejected(reason=Reason.RECORD_REJECTED, message=message, correlation_id=correlation_id, with_its_call=about_all)


def tried(message: str, correlation_id: str | None) -> Postponed:
    return Postponed(reason=Reason.RETRIES_EXHAUSTED, message=message, wait_ms=BROKEN_MS, counts_as_try=True, correlation_id=correlation_id)


def short(message: str) -> str:
    return message if len(message) <= MESSAGE_CHARACTERS else message[: MESSAGE_CHARACTERS - 1] + "…"
