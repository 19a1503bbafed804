"""The report page: what is on it, that nothing from a cluster becomes markup, and that it needs nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from simulation_cli.cluster.events import Event
from simulation_cli.drawing import Timeline
from simulation_cli.report import Report, charts, page
from simulation_cli.report.markup import element, raw
from simulation_cli.resource import ClusterSimulation

START = "2026-12-01T08:00:00.000Z"
EVIL = "<script>alert('x')</script>\"&"
STATUS = {
    "phase": "Running",
    "message": EVIL,
    "progress": "25%",
    "totalRecords": 400,
    "recordsProcessed": 100,
    "recordsFailed": 2,
    "startTime": START,
    "endTime": "2026-12-01T08:00:40.000Z",
    "estimatedCompletionTime": "2026-12-01T08:00:40.000Z",
    "lateness": {"p50Milliseconds": 210, "p99Milliseconds": 1940},
    "timeline": {"startTime": START, "bucketMilliseconds": 1000, "planned": [10] * 40, "delivered": [10] * 10 + [0] * 30},
    "failures": [{"record": 17, "reason": "RecordRejected", "message": EVIL, "correlationId": EVIL, "time": START}],
    "conditions": [{"type": "Failed", "status": "True", "reason": EVIL, "message": EVIL, "lastTransitionTime": START}],
    "verification": {"time": START, "companies": {"expected": 100, "found": 99, "missing": 1, "surplus": 0}},
    "portal": {"name": EVIL, "accountId": 424242, "accountType": EVIL},
}


class Elements(HTMLParser):
    """Which elements a browser would see, and whether each is closed."""

    VOID = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def a_report(**changes: Any) -> Report:
    simulation = ClusterSimulation(
        namespace="marketing",
        name="launch",
        uid=UUID(int=7),
        spec={"scenario": "B2B", "totalRecords": 400, "content": {"theme": EVIL}},
        status=STATUS | changes.pop("status", {}),
    )
    return Report(simulation=simulation, now_ms=1_800_000_000_000, **changes)


def test_the_page_is_well_formed_and_nothing_from_the_cluster_becomes_markup() -> None:
    told = [Event(time=START, reason=EVIL, message=EVIL, warning=True, count=2)]
    parsed = Elements(page(a_report(events=told)))
    assert (parsed.open, "script" in parsed.seen, parsed.seen.count("svg")) == ([], False, 3)


def test_the_page_needs_nothing_from_outside() -> None:
    text = page(a_report())
    assert "default-src &#x27;none&#x27;" in text
    assert not re.search(r"\bsrc=|href=|url\(|@import|https?://", text)


def test_the_page_follows_dark_light_and_paper() -> None:
    text = page(a_report())
    assert all(each in text for each in ("prefers-color-scheme: dark", "@media print", "color-scheme: light dark"))


def test_the_page_has_the_figures() -> None:
    text = page(a_report())
    for said in ("400 records", "25 %", "Failures (the last 1 of 2)", "half: 210 ms", "99 %: 1 s 940 ms", "Compared with the CRM", "theme"):
        assert said in text


def test_the_page_names_what_the_comparison_found_amiss() -> None:
    counts = {"expected": 3, "found": 1, "missing": 2, "surplus": 1}
    found = {"time": START, "contacts": counts, "missingKeys": ["7-p0", EVIL], "surplusKeys": ["9-c"]}
    text = page(a_report(status={"verification": found}))
    assert "<p>First keys of what is missing: 7-p0, &lt;" in text
    assert "<p>First keys of what is surplus: 9-c</p>" in text
    assert "First keys" not in page(a_report())


def test_the_page_says_who_wrote_the_content_and_how_far_archiving_is() -> None:
    status = {"content": {"fromModel": 300, "fromFaker": 100, "tokens": 45_000}, "archived": {"done": 10, "total": 400}}
    text = page(a_report(status=status))
    assert "Content: 300 records from the language model, 100 from Faker, 45,000 tokens used." in text
    assert "Archived: 10 of 400 objects." in text


def test_a_simulation_without_a_status_has_a_page() -> None:
    new = ClusterSimulation(namespace="m", name="launch", uid=UUID(int=7), spec={"totalRecords": 4}, status={})
    text = page(Report(simulation=new, now_ms=0))
    assert ("There is no plan." in text, "not seen by the operator yet" in text, Elements(text).open) == (True, True, [])


def test_what_could_not_be_read_is_said_in_its_place() -> None:
    text = page(a_report(notes=["Ask for the right to list events"]))
    assert ("Ask for the right to list events" in text, "there are none" in text) == (True, False)


def test_bars_stand_where_records_were_delivered() -> None:
    planned, delivered = (Timeline(counts=counts, start_ms=0, end_ms=4_000) for counts in ((4, 4, 4, 4), (8, 0, 2, 0)))
    bars = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" [^>]*class="delivered"', charts.planned_and_delivered(planned, delivered))
    assert bars == [("56.5", str(float(charts.TOP))), ("462.5", str(charts.BASE - charts.ROOM / 4))]


@pytest.mark.parametrize(("value", "highest"), [(1, 1), (3, 4), (6, 8), (9, 10), (11, 20), (287, 400), (801, 1000)])
def test_scales_end_at_a_round_number(value: int, highest: int) -> None:
    assert charts.round_up(value) == highest


def test_elements_escape_text_and_attributes() -> None:
    assert element("a", "<b>", ["&", None, 3], title='"x"', class_="y") == '<a title="&quot;x&quot;" class="y">&lt;b&gt;&amp;3</a>'
    assert element("p", raw("<b>"), element("path", d="M0")) == '<p><b><path d="M0"/></p>'
