"""What workers tell about portals reaches the operator, and ends."""

from __future__ import annotations

from sqlalchemy import Engine, text

from simulation_core.ledger import portals
from simulation_core.ledger.portals import PortalAccount
from simulation_core.reasons import Reason


def test_a_problem_is_told_until_it_is_cleared(engine: Engine) -> None:
    portals.report(engine, "default", Reason.PORTAL_THROTTLED, "ten seconds", 10_000)
    problem = portals.problems(engine)["default"]
    assert (problem.reason, problem.message) == (Reason.PORTAL_THROTTLED, "ten seconds")
    assert problem.until_ms - problem.since_ms == 10_000
    portals.clear(engine, "default")
    portals.clear(engine, "default")
    assert portals.problems(engine) == {}


def test_a_message_with_half_a_character_is_told_too(engine: Engine) -> None:
    portals.report(engine, "default", Reason.PORTAL_THROTTLED, "cut: \ud83d", 10_000)
    assert portals.problems(engine)["default"].message == "cut: ?"


def test_since_stays_while_the_reason_stays(engine: Engine) -> None:
    portals.report(engine, "default", Reason.CREDENTIAL_REJECTED, "first", 30_000)
    first = portals.problems(engine)["default"]
    portals.report(engine, "default", Reason.CREDENTIAL_REJECTED, "second", 30_000)
    second = portals.problems(engine)["default"]
    assert (second.message, second.since_ms) == ("second", first.since_ms)
    assert second.until_ms >= first.until_ms
    portals.report(engine, "default", Reason.PORTAL_UNAVAILABLE, "third", 30_000)
    assert portals.problems(engine)["default"].since_ms > first.since_ms


def test_what_passes_sooner_does_not_stand_for_what_lasts(engine: Engine) -> None:
    portals.report(engine, "default", Reason.CREDENTIAL_REJECTED, "replace it", 30_000)
    portals.report(engine, "default", Reason.CIRCUIT_OPEN, "of a call that was under way", 4_000)
    assert portals.problems(engine)["default"].message == "replace it"
    with engine.begin() as connection:
        connection.execute(text("UPDATE portal_problems SET until = until - interval '30 seconds'"))
    portals.report(engine, "default", Reason.CIRCUIT_OPEN, "now it is that", 4_000)
    assert portals.problems(engine)["default"].reason is Reason.CIRCUIT_OPEN


def test_a_problem_nobody_repeats_is_over(engine: Engine) -> None:
    portals.report(engine, "default", Reason.PORTAL_THROTTLED, "x", 1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE portal_problems SET until = until - interval '6 minutes'"))
    assert portals.problems(engine) == {}


def test_accounts_are_the_last_seen(engine: Engine) -> None:
    portals.saw_account(engine, "default", PortalAccount(account_id=1, account_type="SANDBOX"))
    portals.saw_account(engine, "default", PortalAccount(account_id=424242, account_type="DEVELOPER_TEST"))
    assert portals.accounts(engine) == {"default": PortalAccount(account_id=424242, account_type="DEVELOPER_TEST")}
