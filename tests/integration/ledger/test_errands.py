"""Errands in the ledger: wanted once, claimed by one, never lost, gone on with by whoever comes next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from simulation_core.ledger import backlog, errands
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.errands import Done, Errand, Later
from simulation_core.ledger.values import Backlog, ClaimRequest, Early, Refused
from simulation_core.reasons import Reason

LEASE_MS = 60_000
HORIZON_MS = 60_000


@pytest.fixture
def run(make_run):
    return make_run().published().id


def offered(engine, **changes):
    given = {"portals": ["default"], "horizon_ms": HORIZON_MS, "limit": 100, **changes}
    return {kind: [(each.simulation_id, each.attempt) for each in found] for kind, found in errands.offers(engine, **given).items()}


def claim(engine, run, attempt=1, kind="verify"):
    return errands.claim(engine, kind, ClaimRequest(simulation_id=run, batch=0, attempt=attempt), lease_ms=LEASE_MS)


def lease_runs_out(engine):
    with transaction(engine) as connection:
        connection.execute(text("UPDATE errands SET lease_until = statement_timestamp() - interval '1 ms' WHERE state = 1"))


def test_what_is_wanted_is_offered_until_it_is_done(engine, run):
    assert errands.ask(engine, run, "verify", token="one")
    assert offered(engine) == offered(engine) == {"verify": [(run, 1)]}
    assert offered(engine, portals=["another"]) == {}
    got = claim(engine, run)
    assert isinstance(got, Errand)
    assert offered(engine) == {}
    assert errands.end(engine, got.fence, Done(result={"found": 3}))
    assert offered(engine) == {}
    with transaction(engine) as connection:
        shown = errands.states(connection, [run], ["verify"])[run]["verify"]
    assert (shown.done, shown.token, shown.result) == (True, "one", {"found": 3})


def test_the_same_wish_twice_is_one_and_another_begins_anew(engine, run):
    assert errands.ask(engine, run, "verify", token="one")
    assert not errands.ask(engine, run, "verify", token="one")
    old = claim(engine, run)
    errands.save(engine, old.fence, {"after": 7})
    assert errands.ask(engine, run, "verify", token="two")
    assert not errands.save(engine, old.fence, {"after": 8})
    assert not errands.end(engine, old.fence, Done())
    new = claim(engine, run, attempt=3)
    assert (new.token, new.progress) == ("two", {})


def test_one_claim_succeeds_however_many_ask(engine, run):
    errands.ask(engine, run, "verify")
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: claim(engine, run), range(8)))
    assert sum(isinstance(each, Errand) for each in got) == 1
    assert sum(isinstance(each, Refused) for each in got) == 7


def test_after_a_crash_another_goes_on_from_what_was_saved(engine, run):
    errands.ask(engine, run, "archive")
    dead = claim(engine, run, kind="archive")
    assert errands.save(engine, dead.fence, {"done": 100})
    assert isinstance(claim(engine, run, 2, "archive"), Refused)
    lease_runs_out(engine)
    assert not errands.renew(engine, dead.fence, LEASE_MS)
    assert offered(engine) == {"archive": [(run, 2)]}
    heir = claim(engine, run, 2, "archive")
    assert (heir.progress, heir.crashes) == ({"done": 100}, 1)
    assert not errands.end(engine, dead.fence, Done())
    assert errands.end(engine, heir.fence, Done())


def test_what_is_put_off_says_why_and_waits(engine, run):
    errands.ask(engine, run, "verify")
    got = claim(engine, run)
    put_off = Later(wait_ms=30_000, reason=Reason.CREDENTIAL_REJECTED, message="replace the token")
    assert errands.end(engine, got.fence, put_off)
    early = claim(engine, run, 2)
    assert isinstance(early, Early)
    assert 0 < early.remaining_ms <= 30_000
    assert offered(engine) == {"verify": [(run, 2)]}
    assert offered(engine, horizon_ms=1_000) == {}
    with transaction(engine) as connection:
        shown = errands.states(connection, [run], ["verify"])[run]["verify"]
    assert (shown.reason, shown.message, shown.done) == (Reason.CREDENTIAL_REJECTED, "replace the token", False)


def test_a_portal_with_many_keeps_no_other_waiting(engine, make_run):
    many = [make_run().published().id for _ in range(4)]
    for each in many:
        errands.ask(engine, each, "verify")
    errands.ask(engine, many[0], "archive")
    found = offered(engine, limit=3)
    assert (len(found["verify"]), len(found["archive"])) == (3, 1)


def test_a_worker_is_wanted_for_them_also_by_runs_that_have_ended(engine, run):
    with transaction(engine) as connection:
        connection.execute(text("UPDATE simulations SET status = 'COMPLETED', finished_at = statement_timestamp()"))
    assert backlog.backlog(engine, portals=["default"], lead_ms=1_000) == Backlog(due=0, claimed=0, due_within_lead=0)
    errands.ask(engine, run, "verify")
    errands.ask(engine, run, "archive", wait_ms=30_000)
    assert backlog.backlog(engine, portals=["default"], lead_ms=1_000) == Backlog(due=1, claimed=0, due_within_lead=0)
    assert backlog.backlog(engine, portals=["default"], lead_ms=60_000) == Backlog(due=1, claimed=0, due_within_lead=1)
    claim(engine, run)
    assert backlog.backlog(engine, portals=["default"], lead_ms=1_000) == Backlog(due=1, claimed=1, due_within_lead=0)
