"""Deliveries of a run that a language model writes for: what is stored is sent, and nothing is sent that isn't stored."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Status
from simulation_worker.content.model import LanguageModel
from simulation_worker.content.stock import Stock
from simulation_worker.deliver import Delivery

Publish = Callable[..., uuid.UUID]


@pytest.fixture
def delivery(delivery: Any, engine: Engine, pages: Any) -> Any:
    delivery._delivery = Delivery(stock=Stock(engine, metrics=pages.metrics))
    return delivery


@pytest.fixture
def due_now(engine: Engine) -> Callable[[uuid.UUID], None]:
    def make_due(run: uuid.UUID) -> None:
        with transaction(engine) as connection:
            statement = "UPDATE simulations SET start_time = start_time - interval '65 s' WHERE id = :id"
            connection.execute(text(statement), {"id": run})

    return make_due


def names(outside: Any) -> dict[str, str]:
    return {each["properties"]["simulation_key"]: each["properties"]["name"] for each in outside.objects("companies")}


def stored_names(pages: Any, run: uuid.UUID) -> dict[str, str]:
    return {f"{run}-{record}-c": content["company"]["name"] for record, content in pages.stored(run).items()}


def test_what_the_model_wrote_is_delivered(
    pages: Any,
    publish: Publish,
    model: LanguageModel,
    delivery: Any,
    make_desk: Any,
    request_for: Any,
    outside: Any,
    ledger: Any,
    due_now: Any,
) -> None:
    run = publish()
    pages.prepare(run, model)
    due_now(run)
    assert delivery.deliver(request_for(run), make_desk()).what == "finished"
    assert ledger.run(run).status is Status.COMPLETED
    assert names(outside) == stored_names(pages, run)
    assert all("Wind" in name for name in names(outside).values())
    emails = [each["properties"]["email"] for each in outside.objects("contacts")]
    assert all(email.endswith(".example") and str(run) in email for email in emails)


def test_what_is_not_there_in_time_is_written_by_faker_and_not_waited_for(
    pages: Any,
    publish: Publish,
    delivery: Any,
    make_desk: Any,
    request_for: Any,
    outside: Any,
    ledger: Any,
    model: LanguageModel,
    due_now: Any,
) -> None:
    run = publish(records=25)  # two pages, of which one is ready
    pages.prepare(run, model, page=1)
    due_now(run)
    assert delivery.deliver(request_for(run), make_desk()).what == "finished"
    assert ledger.run(run).records_processed == 25
    assert pages.sources(run) == {**dict.fromkeys(range(20), "Faker"), **dict.fromkeys(range(20, 25), "OpenAI")}
    assert pages.fallbacks() == {"late": 20}
    assert names(outside) == stored_names(pages, run)


def test_contents_are_stored_before_the_first_call_and_a_repeat_sends_the_same(
    pages: Any, publish: Publish, delivery: Any, make_desk: Any, request_for: Any, outside: Any, model: LanguageModel, ledger: Any
) -> None:
    """The model is ready only after HubSpot got Faker's names: it must not rename them."""
    run = publish(due_in_ms=-5_000)
    outside.fault("contacts/batch/upsert", "status", status=503)
    delivery.deliver(request_for(run), make_desk())
    first = names(outside)
    assert first == stored_names(pages, run) != {}
    pages.perform(_errand(pages, run), model)
    ledger.expire(run)
    assert delivery.deliver(request_for(run, attempt=2), make_desk()).what == "finished"
    assert names(outside) == first
    assert pages.counts(run).from_model == 0


def test_nothing_is_sent_while_contents_cannot_be_stored(
    publish: Publish, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, ledger: Any
) -> None:
    run = publish(due_in_ms=-5_000)
    with transaction(engine) as connection:
        connection.execute(text("ALTER TABLE contents ADD CONSTRAINT broken CHECK (false)"))
    delivery.deliver(request_for(run), make_desk())
    assert outside.objects("companies") == []
    assert ledger.run(run).records_processed == 0


def test_a_run_of_fakers_stores_nothing(ledger: Any, pages: Any, delivery: Any, make_desk: Any, request_for: Any) -> None:
    run = ledger.publish(content={"source": "Faker"})
    assert delivery.deliver(request_for(run), make_desk()).what == "finished"
    assert pages.stored(run) == {}


def _errand(pages: Any, run: uuid.UUID) -> Any:
    with transaction(pages.engine) as connection:  # its records are due: the dispatcher would open it no more
        connection.execute(text("INSERT INTO errands (simulation_id, kind, number) VALUES (:id, 'prepare', 0)"), {"id": run})
    return pages.claim(run)
