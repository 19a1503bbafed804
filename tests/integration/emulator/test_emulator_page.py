"""The page and the plan beside what was delivered. In a browser where the machine has one."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulation_sandbox.hubspot.server import EmulatorServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HEADLESS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
HOUR_MS = 3_600_000


def plan(http: httpx.Client, **wanted: Any) -> dict[str, Any]:
    answer = http.post("/_emulator/plan", json=wanted).raise_for_status().json()["plan"]
    assert isinstance(answer, dict)
    return answer


def upsert(http: httpx.Client, object_type: str, *inputs: dict[str, Any]) -> list[str]:
    given = [{"idProperty": "simulation_key"} | each for each in inputs]
    results = http.post(f"/crm/v3/objects/{object_type}/batch/upsert", json={"inputs": given}).raise_for_status().json()["results"]
    return [each["id"] for each in results]


def companies(http: httpx.Client, run: str, count: int) -> None:
    upsert(http, "companies", *({"id": f"{run}-{n}", "properties": {"name": f"Wind {n} AG", "simulation_id": run}} for n in range(count)))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_nobody_told_a_plan(http: httpx.Client) -> None:
    assert http.get("/_emulator/plan").json() == {"plan": None}


def test_what_is_delivered_stands_beside_what_is_planned(keyed: httpx.Client) -> None:
    start_ms = now_ms() - HOUR_MS  # halfway through
    told = plan(keyed, start=start_ms, end=start_ms + 2 * HOUR_MS, counts=[10, 20, 30, 40], simulationId="run-1", name="team-a/spring")
    assert (told["total"], told["delivered"], told["plannedBySlice"]) == (100, 0, [10, 30, 60, 100])
    assert 30 <= told["due"] <= 31
    companies(keyed, "run-1", 7)
    companies(keyed, "run-2", 5)
    seen = keyed.get("/_emulator/plan").json()["plan"]
    assert (seen["delivered"], seen["deliveredBySlice"]) == (7, [0, 0, 7])
    companies(keyed, "run-1", 9)  # seven of them for the second time
    assert keyed.get("/_emulator/plan").json()["plan"]["delivered"] == 9


def test_times_may_be_written_as_iso_8601(keyed: httpx.Client) -> None:
    told = plan(keyed, start="2026-01-01T09:00:00Z", end="2026-01-01T11:00:00+01:00", counts=[5], objectType="contacts")
    assert (told["start"], told["end"], told["due"]) == ("2026-01-01T09:00:00.000Z", "2026-01-01T10:00:00.000Z", 5)
    upsert(keyed, "contacts", {"id": "p-1", "properties": {"email": "a@b.example"}})  # long after the end
    seen = keyed.get("/_emulator/plan").json()["plan"]
    assert (seen["delivered"], seen["deliveredBySlice"]) == (1, [0])


def test_a_plan_can_be_dropped_and_goes_with_a_reset(http: httpx.Client) -> None:
    for forget in (lambda: http.delete("/_emulator/plan"), lambda: http.post("/_emulator/reset")):
        plan(http, start=0, end=1, counts=[1])
        forget().raise_for_status()
        assert http.get("/_emulator/plan").json() == {"plan": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "soon"},
        {"end": 0},
        {"counts": []},
        {"counts": [-1]},
        {"counts": [0.5]},
        {"counts": [1] * 1001},
        {"objectType": "unicorns"},
    ],
)
def test_what_is_no_plan_is_refused(http: httpx.Client, wrong: dict[str, Any]) -> None:
    assert http.post("/_emulator/plan", json={"start": 0, "end": 10, "counts": [1]} | wrong).status_code == 400


def test_each_element_that_the_script_fills_is_on_the_page(http: httpx.Client) -> None:
    page = http.get("/").text
    wanted = set(re.findall(r'\$\("([\w-]+)"\)', page)) | {f"{name}-more" for name in ("companies", "contacts", "deals")}
    there = set(re.findall(r'id="([\w-]+)"', page))
    assert len(wanted) > 20
    assert wanted <= there


def test_each_answer_that_the_script_reads_has_what_it_reads(keyed: httpx.Client) -> None:
    plan(keyed, start=0, end=now_ms() + HOUR_MS, counts=[1, 2])
    page = keyed.get("/").text
    answers = {name: keyed.get(f"/_emulator/{name}").json() for name in ("summary", "newest", "plan")}
    answers["plan"] = answers["plan"]["plan"]
    for name, answer in answers.items():
        fields = set(re.findall(rf"\b{name}\.(\w+)", page)) - {"plan"}
        assert fields, f"the script reads nothing of {name}"
        assert fields <= answer.keys()


@pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED on this machine: there is no Chromium")
def test_a_browser_shows_the_crm_filling_up(keyed: httpx.Client, emulator: EmulatorServer, tmp_path: Path) -> None:
    start_ms = now_ms() - HOUR_MS
    plan(keyed, start=start_ms, end=start_ms + 2 * HOUR_MS, counts=[2, 4], name="team-a/spring")
    (company,) = upsert(keyed, "companies", {"id": "c-1", "properties": {"name": "<b>Wind & Sun</b> AG", "domain": "wind.example"}})
    (contact,) = upsert(keyed, "contacts", {"id": "p-1", "properties": {"firstname": "Ada", "lastname": "Ono", "jobtitle": "CTO"}})
    deal = {"dealname": "Turbines", "dealstage": "closedwon", "pipeline": "default", "amount": "12000"}
    (sold,) = upsert(keyed, "deals", {"id": "d-1", "properties": deal})
    for object_type, other in (("contacts", contact), ("deals", sold)):
        keyed.put(f"/crm/v4/objects/companies/{company}/associations/default/{object_type}/{other}").raise_for_status()
    shown = _dom(emulator.url, tmp_path)
    assert "live" in re.findall(r'id="state">([^<]*)', shown)
    for text in ("&lt;b&gt;Wind &amp; Sun&lt;/b&gt; AG", "Ada Ono", "CTO", "Turbines · $12,000 · closedwon", "team-a/spring"):
        assert text in shown
    filled = {name: re.findall(rf'id="{name}">([^<]*)', shown) for name in ("companies", "deals", "plan-delivered", "plan-total", "limit")}
    assert filled == {"companies": ["1"], "deals": ["1"], "plan-delivered": ["1"], "plan-total": ["6"], "limit": ["100,000"]}


def _dom(url: str, folder: Path) -> str:
    assert CHROMIUM is not None
    command = (CHROMIUM, *HEADLESS, f"--user-data-dir={folder}", "--timeout=30000", "--virtual-time-budget=3000", "--dump-dom", f"{url}/")
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout
