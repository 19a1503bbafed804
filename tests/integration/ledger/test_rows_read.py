"""What is asked each second or two reads about as many rows as it answers with, however much is stored or overdue."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from simulation_core.ledger import backlog, dispatch, errands, missed, preparing, skipping
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.sql import IN_INDEX_ORDER

RUNS = 40
OVERDUE, AHEAD = 200, 100  # batches of each run

STORE_RUNS = """
    INSERT INTO simulations (id, user_id, status, start_time, scenario, distribution_method, total_records, namespace, name, seed, portal,
                             spec, plan_version, tolerance_milliseconds)
    SELECT gen_random_uuid(), '6f1c2a55-0000-4222-8333-444455556666', :status, statement_timestamp() - interval '1 hour', 'B2C', 'Linear',
           1000000, 'default', 'spring', 1, 'default', '{"content": {"source": "OpenAI"}}', 1, 0
    FROM generate_series(1, :runs)
"""

# Each run began an hour ago. What is ahead falls due within a minute, one run a millisecond after the other.
STORE = (
    "INSERT INTO users VALUES ('6f1c2a55-0000-4222-8333-444455556666')",
    STORE_RUNS,
    "INSERT INTO simulation_control (simulation_id, run_state) SELECT id, 'RUNNING' FROM simulations",
    """
    INSERT INTO batches (simulation_id, number, first_record, offset_ms, record_offsets)
    SELECT s.id, n, n, CASE WHEN n < :overdue THEN n * 1000 ELSE 3610000 + (n - :overdue) * 400 END, '{0}'
    FROM simulations s, generate_series(0, :overdue + :ahead - 1) n
    """,
)


# What a language model wrote stays until the run is removed.
PAGES = """
    INSERT INTO errands (simulation_id, kind, number, state, not_before)
    SELECT s.id, 'prepare', n, CASE WHEN n < :done THEN 2 ELSE 0 END,
           statement_timestamp() + CASE WHEN n < :done + :open THEN interval '0' ELSE interval '1 day' END
    FROM simulations s, generate_series(0, :done + :open + :later - 1) n
"""
DONE, OPEN, LATER = 500, 3, 20  # pages of each run


@pytest.fixture(params=[False, True], ids=["just stored", "with statistics"])
def many(engine, request):
    with transaction(engine) as connection:
        for statement in STORE:
            connection.execute(text(statement), {"runs": RUNS, "status": "QUEUED", "overdue": OVERDUE, "ahead": AHEAD})
        connection.execute(text(PAGES), {"done": DONE, "open": OPEN, "later": LATER})
        if request.param:
            connection.execute(text("ANALYZE"))


def rows_read(engine, table: str, statement: str, values: dict[str, Any]) -> int:
    """By all scans of the table and its partitions, those a filter threw away included."""
    with transaction(engine) as connection:
        connection.execute(text(IN_INDEX_ORDER))
        (plan,) = connection.execute(text(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"), values).scalar_one()
        connection.rollback()
    return round(sum(_read(scan) for scan in _nodes(plan["Plan"]) if _is_of(table, scan)))


def _nodes(node):
    yield node
    for part in node.get("Plans", []):
        yield from _nodes(part)


def _is_of(table, node):
    return node["Node Type"].endswith("Scan") and node.get("Relation Name", "").startswith(table)


def _read(scan):
    thrown_away = scan.get("Rows Removed by Filter", 0) + scan.get("Rows Removed by Index Recheck", 0)
    return (scan["Actual Rows"] + thrown_away) * scan["Actual Loops"]


@pytest.mark.usefixtures("many")
def test_the_backlog_is_counted_no_further_than_anybody_wants_to_know(engine):
    most = RUNS * OPEN + 30
    found = backlog.backlog(engine, portals=["default"], lead_ms=15_000, most=most)
    assert found.due + found.due_within_lead == most + RUNS * OPEN
    given = {"portals": ["default"], "lead_ms": 15_000, "most": most, "content_for": ["default"]}
    assert rows_read(engine, "batches", backlog.BACKLOG, given) <= most
    assert backlog.backlog(engine, portals=["default"], lead_ms=1_000).due == RUNS * (OVERDUE + OPEN)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(("limit", "most"), [(10, 2 * RUNS), (200, 400)], ids=["fewer than runs", "more than runs"])
def test_each_run_gives_a_share_of_what_is_asked_for_of_all_that_is_overdue(engine, limit, most):
    given = {"portals": ["default"], "limit": limit, "served": [], "shares": dispatch.FIRST_SHARES}
    assert rows_read(engine, "batches", dispatch.OVERDUE, given) <= most
    assert len(dispatch.overdue(engine, "default", limit=limit)) == limit


@pytest.mark.usefixtures("many")
def test_a_page_reads_what_it_offers_and_not_all_that_each_run_has_within_the_horizon(engine):
    limit = 400
    marks = {"ids": [], "versions": [], "throughs": [], "mores": []}
    given = {"portals": ["default"], "horizon_ms": 60_000, "limit": limit, "few": 1, **marks}
    assert rows_read(engine, "batches", dispatch.UPCOMING, given) <= limit + RUNS  # one more of each run: whether it is of the same moment
    page = dispatch.page(engine, {}, horizon_ms=60_000, limit=limit)
    assert len(page.offers) == limit
    assert not page.complete


@pytest.mark.usefixtures("many")
def test_opening_pages_counts_those_that_are_open_and_looks_up_the_last_one(engine):
    given = {"portals": ["default"], "lead_ms": 120_000}
    assert rows_read(engine, "errands", preparing.OPEN_PAGES, given) <= RUNS * (OPEN + LATER + 1)
    assert rows_read(engine, "batches", preparing.OPEN_PAGES, given) <= RUNS * 2


@pytest.mark.usefixtures("many")
def test_errands_are_offered_without_reading_those_that_are_done_or_wait_for_long(engine):
    given = {"portals": ["default"], "horizon_ms": 60_000, "limit": 100}
    assert rows_read(engine, "errands", errands.OFFERS, given) <= RUNS * OPEN
    assert sum(map(len, errands.offers(engine, portals=["default"], horizon_ms=60_000, limit=100).values())) == 100


@pytest.mark.usefixtures("many")
def test_whether_a_portal_has_work_takes_a_row_of_each_run(engine):
    assert rows_read(engine, "batches", dispatch.PORTALS_WITH_WORK, {"portals": None}) <= RUNS
    assert dispatch.portals_with_work(engine) == ["default"]


ENDED = 2_000  # runs
ENDED_LONG_AGO = (
    STORE_RUNS,
    "INSERT INTO simulation_control (simulation_id, run_state) SELECT id, 'RUNNING' FROM simulations WHERE status = :status",
    "ANALYZE",
)
MARKS = {"ids": [], "versions": [], "throughs": [], "mores": []}
ASKED_OF_ALL_THAT_LIVE = {
    "what falls due": (dispatch.UPCOMING, {"portals": None, "horizon_ms": 1_000, "limit": 100, "few": 4, **MARKS}),
    "what waits": (dispatch.WAITING, {"portals": None, "horizon_ms": 1_000, "limit": 100}),
    "what is overdue": (dispatch.OVERDUE, {"portals": None, "limit": 100, "served": [], "shares": 2}),
    "which portals have work": (dispatch.PORTALS_WITH_WORK, {"portals": None}),
    "the backlog": (backlog.BACKLOG, {"portals": ["default"], "lead_ms": 1_000, "most": 10, "content_for": []}),
    "what was missed": (missed.CANDIDATES, {"id": None, "missed_after_ms": 60_000, "limit": 10}),
    "what is skipped": (skipping.TO_SWEEP, {}),
    "pages to open": (preparing.OPEN_PAGES, {"portals": ["default"], "lead_ms": 1_000}),
}


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("asked", ASKED_OF_ALL_THAT_LIVE)
def test_runs_that_have_ended_are_not_read(engine, asked):
    with transaction(engine) as connection:
        for statement in ENDED_LONG_AGO:
            connection.execute(text(statement), {"runs": ENDED, "status": "COMPLETED"})
    statement, given = ASKED_OF_ALL_THAT_LIVE[asked]
    assert rows_read(engine, "simulations", statement, given) <= 2 * RUNS
