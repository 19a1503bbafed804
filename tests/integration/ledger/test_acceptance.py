"""A run is accepted once, by Postgres's clock, whoever asks and however often."""

from __future__ import annotations

import threading
import uuid

import psycopg
import pytest

from simulation_core.clock import from_ms, now_ms, to_ms
from simulation_core.errors import UserUnknownError
from simulation_core.ledger import accept, changes, control, migrate, runs
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.ledger.values import RunState, Status
from simulation_core.reasons import Reason
from simulation_core.spec import parse_spec


def iso(ms):
    return from_ms(ms).isoformat(timespec="milliseconds")


def test_without_a_start_it_begins_a_lead_after_acceptance(engine, make_run):
    run = runs.get(engine, make_run().accepted(lead_ms=15_000, started=False).id)
    assert run.status is Status.PLANNING
    assert run.end_ms - run.start_ms == 3_600_000
    assert 14_000 <= run.start_ms - run.accepted_ms <= 15_000


def test_accepting_again_changes_nothing(engine, make_run):
    maker = make_run()
    first = runs.get(engine, maker.accepted(lead_ms=1000, started=False).id)
    maker.spec(portal="other").accepted(lead_ms=9000, started=False)
    assert runs.get(engine, maker.id) == first


def test_two_acceptances_at_once_make_one_run(engine, make_run):
    maker = make_run()
    barrier = threading.Barrier(4)
    failures = []

    def accept_it():
        try:
            barrier.wait(10)
            maker.accepted(lead_ms=1000, started=False)
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=accept_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert [run.id for run in runs.not_deleted(engine)] == [maker.id]


def test_a_window_that_passed_is_failed_at_once(engine, make_run):
    now = now_ms()
    run = runs.get(engine, make_run().spec(startTime=iso(now - 7_200_000)).accepted().id)
    assert (run.status, run.reason) == (Status.FAILED, Reason.WINDOW_PASSED)
    assert "later end" in run.message
    assert run.finished_ms is not None


def test_a_window_that_passed_is_failed_even_when_suspended(engine, make_run):
    maker = make_run().spec(suspend=True, endTime=iso(now_ms() - 1000))
    del maker._spec["durationSeconds"]
    assert runs.get(engine, maker.accepted(started=False).id).reason == Reason.WINDOW_PASSED


def without_start(maker, **changes):
    maker.spec(**changes)
    del maker._spec["durationSeconds"]
    return maker


def test_an_end_within_the_lead_shortens_the_lead(engine, make_run):
    end_ms = now_ms() + 8_000
    run = runs.get(engine, without_start(make_run(), endTime=iso(end_ms)).accepted(lead_ms=10_000, started=False).id)
    assert (run.status, run.end_ms) == (Status.PLANNING, end_ms)
    assert run.accepted_ms < run.start_ms <= end_ms - 3_000


def test_an_end_within_the_lead_at_the_first_resume_shortens_the_lead(engine, make_run):
    end_ms = now_ms() + 8_000
    maker = without_start(make_run(), suspend=True, endTime=iso(end_ms)).accepted(lead_ms=10_000, started=False)
    resolved = accept.resolve_start(engine, maker.id, lead_ms=10_000)
    assert (resolved.reason, resolved.end_ms) == (None, end_ms)
    assert resolved.start_ms < end_ms


def test_an_end_that_passed_before_the_first_resume_fails(engine, make_run, migrated_url):
    maker = without_start(make_run(), suspend=True, endTime=iso(now_ms() + 600_000)).accepted(started=False)
    with psycopg.connect(migrated_url) as connection:
        statement = "UPDATE simulations SET spec = jsonb_set(spec, '{endTime}', to_jsonb(%s::text)) WHERE id = %s"
        connection.execute(statement, [iso(now_ms() - 1), maker.id])
    assert accept.resolve_start(engine, maker.id, lead_ms=10_000).reason == Reason.WINDOW_PASSED


def test_suspended_at_birth_the_start_stays_open_until_the_first_resume(engine, make_run):
    maker = make_run().spec(suspend=True).accepted(started=False)
    born = runs.get(engine, maker.id)
    assert (born.status, born.run_state, born.start_ms, born.end_ms) == (Status.SUSPENDED, RunState.SUSPENDED, None, None)
    resolved = accept.resolve_start(engine, maker.id, lead_ms=5000)
    assert resolved.end_ms - resolved.start_ms == 3_600_000
    control.resume(engine, maker.id)
    assert runs.get(engine, maker.id).status is Status.PLANNING
    assert accept.resolve_start(engine, maker.id, lead_ms=99_000).start_ms == resolved.start_ms


def test_suspended_at_birth_with_a_start_keeps_it(engine, make_run):
    start = now_ms() + 60_000
    run = runs.get(engine, make_run().spec(suspend=True, startTime=iso(start)).accepted().id)
    assert (run.status, run.start_ms, run.end_ms) == (Status.SUSPENDED, start, start + 3_600_000)


def test_cancelled_at_birth_it_never_plans(engine, make_run):
    run = runs.get(engine, make_run().spec(cancel=True).accepted(started=False).id)
    assert (run.status, run.run_state) == (Status.CANCELLED, RunState.CANCELLED)
    assert run.finished_ms is not None


def test_the_stored_spec_has_its_defaults(engine, make_run):
    spec = runs.get(engine, make_run().accepted().id).spec
    assert (spec["retries"], spec["toleranceMilliseconds"], spec["distribution"]["method"]) == ({"limit": 5}, 1000, "Linear")


def test_the_stored_spec_parses_again_to_the_millisecond(engine, make_run):
    run = runs.get(engine, make_run().spec(startTime="2089-12-01T08:00:00.123+01:00").accepted().id)
    assert to_ms(parse_spec(run.spec).start_time) == run.start_ms
    assert run.start_ms % 1000 == 123


def test_only_what_may_change_changes(engine, make_run):
    maker = make_run().accepted()
    changes.set_changeable(engine, maker.id, {"ttlSecondsAfterFinished": 5})
    assert runs.get(engine, maker.id).spec["ttlSecondsAfterFinished"] == 5
    changes.set_changeable(engine, maker.id, {"portal": "elsewhere", "retries": {"limit": 9}})
    spec = runs.get(engine, maker.id).spec
    assert (spec["portal"], spec["retries"]) == ("default", {"limit": 9})
    assert "ttlSecondsAfterFinished" not in spec


def test_an_unknown_user_is_added_to_our_own_table(engine, make_run):
    user = uuid.uuid4()
    assert runs.get(engine, make_run().spec(userId=str(user)).accepted().id).user_id == user


def test_an_unknown_user_is_refused_where_the_table_is_the_installations(database_url, make_run):
    known = uuid.uuid4()
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, created_at timestamptz)")
        connection.execute("INSERT INTO users (id, email) VALUES (%s, 'ada@example.com')", [known])
    migrate.upgrade(database_url)
    engine = create_ledger_engine(database_url, application_name="test")
    try:
        with pytest.raises(UserUnknownError, match=r"spec\.userId"):
            make_run().on(engine).accepted()
        assert runs.get(engine, make_run().on(engine).spec(userId=str(known)).accepted().id).user_id == known
    finally:
        engine.dispose()


def test_marking_a_run_failed_ends_it_once(engine, make_run):
    maker = make_run().accepted()
    runs.mark_failed(engine, maker.id, Reason.SPEC_INVALID, "spec.scenario: no")
    runs.mark_failed(engine, maker.id, Reason.USER_UNKNOWN, "later")
    run = runs.get(engine, maker.id)
    assert (run.status, run.reason, run.message) == (Status.FAILED, "SpecInvalid", "spec.scenario: no")


def test_a_run_belongs_to_a_resource_until_that_is_known_to_be_gone(engine, make_run):
    ended = make_run().accepted()
    control.cancel(engine, ended.id)
    assert [run.id for run in runs.not_deleted(engine)] == [ended.id]
    control.delete(engine, ended.id)
    assert runs.not_deleted(engine) == []
