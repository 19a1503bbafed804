"""The check that holds every answer of this folder against the documents is itself no rubber stamp."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

HERE = Path(__file__).parent
PATH = "/crm/v3/objects/companies/batch/upsert"


@pytest.fixture(scope="module")
def checks() -> Any:
    spec = importlib.util.spec_from_file_location("emulator_conftest", HERE / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def good_answer(**changes: Any) -> dict[str, Any]:
    moment = "2026-11-24T02:00:00.000Z"
    record = {"id": "1", "properties": {"name": "A"}, "createdAt": moment, "updatedAt": moment, "archived": False, "new": True}
    return {"status": "COMPLETE", "startedAt": moment, "completedAt": moment, "results": [record | changes]}


def exchange(checks: Any, answer: dict[str, Any], status: int = 200) -> Any:
    request = json.dumps({"inputs": [{"id": "1", "properties": {}}]}).encode()
    return checks.Exchange(
        "POST", PATH, request, status, {"content-type": "application/json"}, json.dumps(answer, separators=(",", ":")).encode()
    )


def test_a_documented_answer_passes(checks: Any) -> None:
    checks.check_exchange(exchange(checks, good_answer()))


@pytest.mark.parametrize(
    "changes", [{"id": 1}, {"properties": {"employees": 5}}, {"invented": True}, {"createdAt": "2026-11-24T02:00:00Z"}, {"new": "true"}]
)
def test_an_undocumented_answer_does_not(checks: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        checks.check_exchange(exchange(checks, good_answer(**changes)))


def test_neither_does_an_undocumented_status_or_a_nameless_error(checks: Any) -> None:
    with pytest.raises(AssertionError):
        checks.check_exchange(exchange(checks, good_answer(), status=202))
    with pytest.raises(AssertionError):
        checks.check_exchange(exchange(checks, {"message": "no"}, status=400))


def test_each_path_of_the_api_is_checked(checks: Any, keyed: httpx.Client, wire: Any) -> None:
    keyed.get("/account-info/v3/details").raise_for_status()
    checked = [
        each for each in wire.exchanges if any(o.method == each.method and o.pattern.fullmatch(each.path) for o in checks.OPERATIONS)
    ]
    assert len(checked) == len(wire.exchanges) > 10
