"""The check that holds every answer of this folder against the documents is itself no rubber stamp."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from references.hubspot_documents import OPERATIONS, Exchange, Wire, check_exchange

PATH = "/crm/v3/objects/companies/batch/upsert"


def good_answer(**changes: Any) -> dict[str, Any]:
    moment = "2026-11-24T02:00:00.000Z"
    record = {"id": "1", "properties": {"name": "A"}, "createdAt": moment, "updatedAt": moment, "archived": False, "new": True}
    return {"status": "COMPLETE", "startedAt": moment, "completedAt": moment, "results": [record | changes]}


def exchange(answer: dict[str, Any], status: int = 200) -> Exchange:
    request = json.dumps({"inputs": [{"id": "1", "properties": {}}]}).encode()
    body = json.dumps(answer, separators=(",", ":")).encode()
    return Exchange("POST", PATH, "", request, status, {"content-type": "application/json"}, body, complete=True)


def test_a_documented_answer_passes() -> None:
    check_exchange(exchange(good_answer()))


@pytest.mark.parametrize(
    "changes", [{"id": 1}, {"properties": {"employees": 5}}, {"invented": True}, {"createdAt": "2026-11-24T02:00:00Z"}, {"new": "true"}]
)
def test_an_undocumented_answer_does_not(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_exchange(exchange(good_answer(**changes)))


def test_neither_does_an_undocumented_status_or_a_nameless_error() -> None:
    with pytest.raises(AssertionError):
        check_exchange(exchange(good_answer(), status=202))
    with pytest.raises(AssertionError):
        check_exchange(exchange({"message": "no"}, status=400))


def test_each_path_of_the_api_is_checked(keyed: httpx.Client, wire: Wire) -> None:
    keyed.get("/account-info/v3/details").raise_for_status()
    checked = [each for each in wire.exchanges if any(o.method == each.method and o.pattern.fullmatch(each.path) for o in OPERATIONS)]
    assert len(checked) == len(wire.exchanges) > 10
