"""One batch from its claim to its counted outcomes, and what every fault on the way leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from simulation_core.ledger import control, portals
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Status
from simulation_core.reasons import Reason
from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_worker.budget.accounting import FAILURES_TO_OPEN
from simulation_worker.metrics import Metrics

PENDING, CLAIMED, DONE = 0, 1, 2


def test_a_delivered_batch_is_counted_and_completes_its_run(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any
) -> None:
    run = ledger.publish(records=7)
    assert delivery.deliver(request_for(run), make_desk()).what == "finished"
    row = ledger.run(run)
    assert (row.status, row.records_processed, row.records_failed) == (Status.COMPLETED, 7, 0)
    assert len(outside.objects("companies")) == len(outside.objects("contacts")) == outside.joined() == 7
    companies = {each["properties"]["simulation_key"]: each["id"] for each in outside.objects("companies")}
    assert ledger.batch(run)["crm_ids"]["3.c"] == companies[f"{run}-3-c"]


def test_delivered_times_are_postgres_and_never_before_they_are_due(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, engine: Engine
) -> None:
    run = ledger.publish(records=3)
    delivery.deliver(request_for(run), make_desk())
    with transaction(engine) as connection:
        now_ms = float(connection.scalar(text("SELECT extract(epoch FROM statement_timestamp()) * 1000")) or 0)
    start_ms = ledger.run(run).start_ms
    for offset in ledger.batch(run)["delivered_offsets"]:
        assert offset >= 0
        assert now_ms - 5_000 < start_ms + offset <= now_ms + 5


def test_an_early_batch_is_not_delivered_and_comes_back_in_time(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any
) -> None:
    run = ledger.publish(due_in_ms=60_000)
    ending = delivery.deliver(request_for(run), make_desk())
    assert ending.what == "early"
    assert 50_000 < (ending.again_after_ms or 0) <= 60_000
    assert outside.objects("companies") == []


def test_a_stale_job_is_dropped(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any) -> None:
    run = ledger.publish()
    desk = make_desk()
    delivery.deliver(request_for(run), desk)
    calls = outside.calls()
    ending = delivery.deliver(request_for(run), desk)
    assert (ending.what, ending.again_after_ms) == ("refused", None)
    assert outside.calls() == calls


def test_a_suspended_run_gets_nothing(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine) -> None:
    run = ledger.publish()
    control.suspend(engine, run)
    assert delivery.deliver(request_for(run), make_desk()).what == "refused"
    assert outside.objects("companies") == []


def test_a_429_gives_the_batch_back_without_a_try_and_cools_the_portal(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, end_pauses: Any
) -> None:
    run = ledger.publish()
    desk = make_desk()
    assert desk.make_ready()
    outside.fault("companies/batch", "status", status=429, retryAfterSeconds=7)
    assert delivery.deliver(request_for(run), desk).what == "finished"
    batch = ledger.batch(run)
    assert (batch["state"], batch["tries"]) == (PENDING, [0, 0, 0, 0])
    assert 6_000 < batch["wait_ms"] <= 7_000
    assert 6 < desk.held_for_s <= 7
    problem = portals.problems(engine)["default"]
    assert problem.reason is Reason.PORTAL_THROTTLED
    assert problem.message.startswith(Reason.PORTAL_THROTTLED.meaning + " HubSpot says: ")
    ledger.expire(run)
    end_pauses(desk)
    delivery.deliver(request_for(run, attempt=2), desk)
    assert ledger.run(run).status is Status.COMPLETED
    assert portals.problems(engine) == {}


@pytest.mark.parametrize("status", [500, 502, 503, 524, 423])
def test_hubspot_being_away_costs_no_try_however_long(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, status: int, end_pauses: Any
) -> None:
    run = ledger.publish(retries={"limit": 2})
    desk = make_desk()
    assert desk.make_ready()
    outside.fault("batch", "status", times=None, status=status)
    for attempt in range(1, 6):
        delivery.deliver(request_for(run, attempt=attempt), desk)
        ledger.expire(run)
        end_pauses(desk)
    outside.no_faults()
    delivery.deliver(request_for(run, attempt=6), desk)
    assert (ledger.run(run).status, ledger.run(run).records_processed) == (Status.COMPLETED, 4)


def test_500s_to_everything_are_an_outage_that_opens_the_circuit(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, end_pauses: Any
) -> None:
    run = ledger.publish(records=100)
    desk = make_desk()
    assert desk.make_ready()
    outside.fault("batch", "status", times=None, status=500)
    for attempt in range(1, FAILURES_TO_OPEN + 1):
        delivery.deliver(request_for(run, attempt=attempt), desk)
        assert desk.held_for_s > 0
        ledger.expire(run)
        end_pauses(desk)
    assert portals.problems(engine)["default"].reason is Reason.CIRCUIT_OPEN
    assert set(ledger.batch(run)["tries"]) == {0}


def test_a_500_that_stays_for_one_record_ends_it_at_its_limit(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, end_pauses: Any
) -> None:
    """Others are written meanwhile, so it isn't HubSpot."""
    bad, desk = ledger.publish(records=1, retries={"limit": 2}), make_desk()
    assert desk.make_ready()
    for attempt in (1, 2, 3):
        outside.fault("companies/batch", "status", times=None, status=500)
        delivery.deliver(request_for(bad, attempt=attempt), desk)
        outside.no_faults()
        end_pauses(desk)
        other = ledger.publish(records=1)
        delivery.deliver(request_for(other), desk)
        assert ledger.run(other).status is Status.COMPLETED
        ledger.expire(bad)
    assert (ledger.run(bad).status, ledger.run(bad).records_failed) == (Status.FAILED, 1)
    assert {error["reason"] for error in ledger.errors(bad) if error["final"]} == {Reason.RETRIES_EXHAUSTED.value}


def test_a_lost_answer_doubles_nothing(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any) -> None:
    run = ledger.publish(records=20)
    desk = make_desk()
    assert desk.make_ready()
    for attempt, phase in enumerate(["companies/batch/upsert", "contacts/batch/upsert", "contacts/companies/batch/create"], 1):
        outside.fault(phase, "lose_response", times=None)
        delivery.deliver(request_for(run, attempt=attempt), desk)
        outside.no_faults()
        ledger.expire(run)
    delivery.deliver(request_for(run, attempt=4), desk)
    assert (ledger.run(run).status, ledger.run(run).records_processed) == (Status.COMPLETED, 20)
    assert len(set(outside.keys("companies"))) == len(outside.keys("companies")) == 20
    assert len(outside.keys("contacts")) == outside.joined() == 20


def test_a_refused_token_fails_no_record_and_is_told(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, engine: Engine) -> None:
    run = ledger.publish()
    ending = delivery.deliver(request_for(run), make_desk("rejected"))
    assert ending.what == "portal held"
    assert (ending.again_after_ms or 0) > 20_000
    problem = portals.problems(engine)["default"]
    assert problem.reason is Reason.CREDENTIAL_REJECTED
    assert "Secret" in problem.message
    assert ledger.batch(run)["attempt"] == 0  # not even claimed
    assert delivery.deliver(request_for(run), make_desk()).what == "finished"
    assert portals.problems(engine) == {}


def test_a_token_refused_in_the_middle_gives_the_batch_back(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine
) -> None:
    run = ledger.publish()
    desk = make_desk()
    assert desk.make_ready()
    outside.fault("contacts/batch", "status", status=401)
    delivery.deliver(request_for(run), desk)
    assert ledger.batch(run)["state"] == PENDING
    assert ledger.run(run).records_failed == 0
    problem = portals.problems(engine)["default"]
    assert problem.reason is Reason.CREDENTIAL_REJECTED
    assert "replace it in its Secret. HubSpot says: " in problem.message
    ledger.expire(run)
    delivery.deliver(request_for(run, attempt=2), desk)
    assert ledger.run(run).status is Status.COMPLETED


def test_the_account_is_told(ledger: Any, make_desk: Any, engine: Engine) -> None:
    assert make_desk().make_ready()
    account = portals.accounts(engine)["default"]
    assert (account.account_id, account.account_type) == (424242, "DEVELOPER_TEST")


def test_one_bad_record_fails_alone_with_its_reason(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any) -> None:
    """Somebody else has a contact with this record's e-mail: a 409 for the whole batch, and a halving down to the one."""
    first = ledger.publish(records=1, scenario="B2C")
    desk = make_desk()
    delivery.deliver(request_for(first), desk)
    run = ledger.publish(records=9, scenario="B2C", failurePolicy={"maxFailedPercent": 20})
    outside.fault("contacts/batch", "status", times=6, status=409)  # 9 twice, 5 twice, 3 twice …: refused until halved far enough
    delivery.deliver(request_for(run), desk)
    row = ledger.run(run)
    assert row.records_processed + row.records_failed == 9
    assert row.status is Status.COMPLETED


def test_a_lost_fence_counts_nothing(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any) -> None:
    """While the call is under way the lease ends and another worker takes the batch over."""
    run = ledger.publish(records=5)
    desk, other = make_desk(), make_desk("another")
    assert desk.make_ready()
    deliver = desk.deliver

    def overtaken(*args: Any) -> Any:
        fates = deliver(*args)
        ledger.expire(run)
        assert delivery.deliver(request_for(run, attempt=2), other).what == "finished"
        return fates

    desk.deliver = overtaken
    assert delivery.deliver(request_for(run), desk).what == "fence lost"
    assert ledger.run(run).records_processed == 5
    assert len(outside.keys("companies")) == 5


def test_no_call_begins_that_could_outlast_the_lease(
    ledger: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, delivery_of: Any
) -> None:
    """A lease shorter than a call's deadline must be renewed; it can't, because the run was suspended meanwhile."""
    run = ledger.publish(records=2)
    desk = make_desk(deadline_seconds=10)
    assert desk.make_ready()
    before = outside.calls()
    short = delivery_of(lease_ms=5_000)
    deliver = desk.deliver

    def suspended(*args: Any) -> Any:
        control.suspend(engine, run)
        return deliver(*args)

    desk.deliver = suspended
    short.deliver(request_for(run), desk)
    assert outside.calls() == before
    assert ledger.batch(run)["state"] == PENDING


def test_a_slow_delivery_renews_its_lease(ledger: Any, make_desk: Any, request_for: Any, outside: Any, delivery_of: Any) -> None:
    run = ledger.publish(records=2)
    desk = make_desk(deadline_seconds=2.0)
    assert desk.make_ready()
    for phase in ("companies/batch", "contacts/batch", "contacts/companies"):
        outside.fault(phase, "latency", milliseconds=1_100)
    assert delivery_of(lease_ms=3_000).deliver(request_for(run), desk).what == "finished"
    assert ledger.run(run).status is Status.COMPLETED


def test_a_hanging_call_ends_at_its_deadline_and_the_batch_is_tried_again(
    ledger: Any, make_desk: Any, delivery: Any, request_for: Any, outside: Any
) -> None:
    run = ledger.publish(records=2)
    desk = make_desk(deadline_seconds=0.5)
    assert desk.make_ready()
    outside.fault("companies/batch", "latency", milliseconds=5_000)
    delivery.deliver(request_for(run), desk)
    assert outside.keys("companies") == []  # it didn't wait for the answer
    ledger.expire(run)
    delivery.deliver(request_for(run, attempt=2), desk)
    assert ledger.run(run).status is Status.COMPLETED


def test_hubspot_gone_and_back(
    ledger: Any, make_desk: Any, delivery: Any, request_for: Any, hubspot: EmulatorServer, engine: Engine
) -> None:
    run = ledger.publish(records=2)
    desk = make_desk()
    hubspot.stop()
    assert delivery.deliver(request_for(run), desk).what == "portal held"
    problem = portals.problems(engine)["default"]
    assert problem.reason is Reason.PORTAL_UNAVAILABLE
    assert "deliveries are repeated. No complete answer came: " in problem.message
    hubspot.start()
    assert delivery.deliver(request_for(run), desk).what == "finished"
    assert ledger.run(run).status is Status.COMPLETED


def test_a_portal_that_failed_in_the_middle_is_checked_before_it_gets_more(
    ledger: Any, make_desk: Any, delivery: Any, request_for: Any, outside: Any, engine: Engine
) -> None:
    run, desk = ledger.publish(records=2), make_desk()
    assert desk.make_ready()
    outside.fault("companies/batch", "status", status=503)
    delivery.deliver(request_for(run), desk)
    assert not desk.ready
    assert desk.make_ready()
    assert portals.problems(engine)["default"].reason is Reason.PORTAL_UNAVAILABLE  # until it has taken records again
    ledger.expire(run)
    delivery.deliver(request_for(run, attempt=2), desk)
    assert ledger.run(run).status is Status.COMPLETED
    assert portals.problems(engine) == {}


def test_lateness_is_measured(ledger: Any, make_desk: Any, delivery: Any, request_for: Any, metrics: Metrics) -> None:
    run = ledger.publish(records=3, due_in_ms=-2_000)
    delivery.deliver(request_for(run), make_desk())
    samples = {(s.name, s.labels.get("le")): s.value for f in metrics.lateness.collect() for s in f.samples}
    name = "simulation_worker_record_lateness_seconds"
    assert samples[f"{name}_count", None] == samples[f"{name}_bucket", "+Inf"] == 3
    assert samples[f"{name}_bucket", "1.0"] == 0
    assert 6 <= samples[f"{name}_sum", None] < 30


def test_an_unknown_locale_is_told_once_a_run(
    ledger: Any, make_desk: Any, delivery: Any, request_for: Any, caplog: pytest.LogCaptureFixture
) -> None:
    desk = make_desk()
    for run in [ledger.publish(records=2, batch_size=1, content={"locale": "xx_XX"}) for _ in range(2)]:
        for batch in (0, 1):
            assert delivery.deliver(request_for(run, batch=batch), desk).what == "finished"
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 2
    assert all("spec.content.locale: xx_XX" in each and "en_US" in each for each in told)
