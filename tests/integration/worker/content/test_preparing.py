"""A page of records made ready by a language model, and what becomes of it whatever the model does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from simulation_core.ledger import contents, control, preparing
from simulation_core.ledger.errands import Done, Later
from simulation_core.reasons import Reason
from simulation_sandbox.model.server import ModelServer
from simulation_worker.content.model import Access, LanguageModel

Publish = Callable[..., uuid.UUID]
Fault = Callable[..., None]


def test_a_page_is_written_in_one_call_and_stored(pages: Any, publish: Publish, model: LanguageModel, model_server: ModelServer) -> None:
    run = publish(records=50)
    assert pages.prepare(run, model, page=1) == Done()
    assert pages.sources(run) == dict.fromkeys(range(20, 40), "OpenAI")
    assert all("Wind" in content["company"]["name"] for content in pages.stored(run).values())
    assert model_server.model.calls == 1
    counts = pages.counts(run)
    assert (counts.from_model, counts.from_faker, counts.tokens) == (20, 0, model_server.model.tokens)


def test_the_last_page_ends_with_the_run(pages: Any, publish: Publish, model: LanguageModel) -> None:
    run = publish(records=43)
    pages.prepare(run, model, page=2)
    assert list(pages.sources(run)) == [40, 41, 42]


def test_what_is_stored_is_not_asked_for_again(pages: Any, publish: Publish, model: LanguageModel, model_server: ModelServer) -> None:
    run = publish()
    pages.open()
    errand = pages.claim(run)
    assert pages.perform(errand, model) == pages.perform(errand, model) == Done()
    assert model_server.model.calls == 1


@pytest.mark.parametrize("kind", ["refusal", "filter", "truncation", "prose", "invalid_json", "wrong_count", "missing_field", "bad_field"])
def test_what_was_not_good_is_asked_for_once_more(kind: str, pages: Any, publish: Publish, model: LanguageModel, fault: Fault) -> None:
    run = publish()
    fault(kind)
    assert pages.prepare(run, model) == Done()
    assert pages.sources(run) == dict.fromkeys(range(5), "OpenAI")
    assert pages.fallbacks() == {}


@pytest.mark.parametrize(
    ("kind", "cause", "from_model"),
    [
        ("refusal", "refused", 0),
        ("prose", "not_json", 0),
        ("invalid_json", "not_json", 0),
        ("wrong_count", "missing", 4),  # the last one is left out, and then it is asked for alone and left out again
        ("bad_field", "invalid", 4),
        ("missing_field", "invalid", 4),
    ],
)
def test_then_faker_writes_those_that_are_missing_and_the_good_ones_stay(
    kind: str, cause: str, from_model: int, pages: Any, publish: Publish, model: LanguageModel, model_server: ModelServer, fault: Fault
) -> None:
    run = publish()
    fault(kind, times=2)
    assert pages.prepare(run, model) == Done()
    counts = pages.counts(run)
    assert (counts.from_model, counts.from_faker) == (from_model, 5 - from_model)
    assert pages.fallbacks() == {cause: 5 - from_model}
    assert counts.tokens == model_server.model.tokens > 0
    assert model_server.model.calls == 2


def test_a_cut_answer_gives_what_came_before_the_cut_both_times(pages: Any, publish: Publish, model: LanguageModel, fault: Fault) -> None:
    run = publish(records=20)
    fault("truncation", times=2)
    pages.prepare(run, model)
    counts = pages.counts(run)
    assert 10 < counts.from_model < 20
    assert counts.from_model + counts.from_faker == 20
    assert pages.fallbacks() == {"truncated": counts.from_faker}


@pytest.mark.parametrize(
    ("faults", "reason"),
    [({"kind": "status", "status": 503}, Reason.MODEL_UNAVAILABLE), ({"kind": "status", "status": 429}, Reason.MODEL_UNAVAILABLE),
     ({"kind": "reset"}, Reason.MODEL_UNAVAILABLE), ({"kind": "status", "status": 401}, Reason.MODEL_REJECTED),
     ({"kind": "status", "status": 404}, Reason.MODEL_REJECTED)],
    ids=str,
)  # fmt: skip
def test_a_model_that_is_away_is_asked_again_later_while_there_is_time(
    faults: dict[str, Any],
    reason: Reason,
    pages: Any,
    publish: Publish,
    model: LanguageModel,
    engine: Engine,
    fault: Fault,
    model_server: ModelServer,
) -> None:
    run = publish()
    fault(**faults, times=2)
    end = pages.prepare(run, model)
    assert isinstance(end, Later)
    assert (end.reason, end.wait_ms > 0) == (reason, True)
    assert preparing.setbacks(pages.engine, [run]) == {run: reason}
    assert pages.sources(run) == {}
    model_server.model.faults.clear()
    pages.stopping.wait(end.wait_ms / 1000)
    assert pages.prepare(run, model, attempt=2) == Done()
    assert pages.sources(run) == dict.fromkeys(range(5), "OpenAI")
    assert preparing.setbacks(pages.engine, [run]) == {}


def test_a_model_that_hangs_or_drips_costs_its_deadline_and_no_more(
    pages: Any, publish: Publish, access: Access, connected: Any, fault: Fault
) -> None:
    run = publish()
    fault("drip", milliseconds=100, times=1)
    assert isinstance(pages.prepare(run, connected(replace(access, deadline_seconds=1))), Later)


def test_a_run_never_takes_more_tokens_than_it_may(pages: Any, publish: Publish, model: LanguageModel, model_server: ModelServer) -> None:
    """Pages that find all tokens reserved come again, until what is left is too little for any."""
    most = 16_000
    run = publish(records=400, content={"maxTokens": most})
    pages.open()
    left = [pages.claim(run, page) for page in range(20)]
    while left:
        with ThreadPoolExecutor(5) as threads:
            ends = list(threads.map(lambda errand: pages.perform(errand, model), left))
        left = [errand for errand, end in zip(left, ends, strict=True) if isinstance(end, Later)]
    counts = pages.counts(run)
    assert counts.from_model + counts.from_faker == 400
    assert 0 < counts.tokens == model_server.model.tokens <= most
    assert most - counts.tokens < 3_000  # less than one record's question may take
    assert pages.fallbacks() == {"over_budget": counts.from_faker}


def test_questions_of_which_nobody_knows_what_they_took_use_up_a_runs_tokens(
    pages: Any, publish: Publish, model: LanguageModel, fault: Fault
) -> None:
    """So the run ends with Faker's words, and says why: it doesn't wait for tokens that nobody will give back."""
    run = publish(records=20, content={"maxTokens": 8_000})
    fault("reset", times=None)
    attempt, end = 1, pages.prepare(run, model)
    while isinstance(end, Later):
        attempt += 1
        pages.due(run)
        end = pages.prepare(run, model, attempt=attempt)
    counts = pages.counts(run)
    assert (counts.from_model, counts.from_faker) == (0, 20)
    assert 5_000 < counts.tokens <= 8_000
    assert pages.fallbacks() == {"over_budget": 20}


def test_what_a_worker_had_reserved_that_died_is_used_up_too(pages: Any, publish: Publish, model: LanguageModel, engine: Engine) -> None:
    run = publish(records=20, content={"maxTokens": 8_000})
    pages.open()
    dead = pages.claim(run)
    contents.reserve_tokens(engine, dead.fence, 7_900, most=8_000)
    pages.lease_runs_out(run)
    assert pages.prepare(run, model, attempt=2) == Done()
    assert (pages.counts(run).tokens, pages.fallbacks()) == (7_900, {"over_budget": 20})


def test_who_waits_for_tokens_that_others_may_leave_says_so(pages: Any, publish: Publish, model: LanguageModel, engine: Engine) -> None:
    run = publish(records=40, content={"maxTokens": 8_000})
    pages.open()
    contents.reserve_tokens(engine, pages.claim(run, 0).fence, 7_900, most=8_000)
    end = pages.prepare(run, model, page=1)
    assert isinstance(end, Later)
    assert end.reason is Reason.TOKENS_RESERVED
    assert preparing.setbacks(engine, [run]) == {run: Reason.TOKENS_RESERVED}


def test_few_tokens_are_enough_for_a_part_of_a_page(pages: Any, publish: Publish, model: LanguageModel) -> None:
    run = publish(records=20, content={"maxTokens": 4_500})
    assert pages.prepare(run, model) == Done()
    counts = pages.counts(run)
    assert counts.from_model >= 5
    assert counts.from_model + counts.from_faker == 20
    assert counts.tokens <= 4_500


def test_two_workers_that_prepare_the_same_page_store_one_content(pages: Any, publish: Publish, model: LanguageModel, fault: Fault) -> None:
    run = publish(records=20)
    fault("latency", milliseconds=300, times=None)
    pages.open()
    errand = pages.claim(run)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: pages.perform(errand, model), range(4))) == [Done()] * 4
    assert pages.counts(run).from_model == len(pages.stored(run)) == 20


def test_a_simulation_may_name_its_model(pages: Any, publish: Publish, model: LanguageModel, model_server: ModelServer) -> None:
    pages.prepare(publish(content={"model": "finer-model"}), model)
    assert model_server.model.models == {"finer-model": 1}


def test_consumers_deals_and_several_people_are_written_too(pages: Any, publish: Publish, model: LanguageModel, ledger: Any) -> None:
    b2c = publish(scenario="B2C")
    several = publish(records=20)
    for run in (b2c, several):
        assert pages.prepare(run, model) == Done()
    assert all("company" not in content and len(content["people"]) == 1 for content in pages.stored(b2c).values())
    assert all(content["people"][0]["jobTitle"] for content in pages.stored(several).values())
    assert pages.fallbacks() == {}


def test_a_run_that_was_cancelled_is_not_asked_for(
    pages: Any, publish: Publish, model: LanguageModel, model_server: ModelServer, engine: Engine
) -> None:
    run = publish()
    pages.open()
    control.cancel(engine, run)
    assert pages.perform(pages.claim(run), model) == Done()
    assert model_server.model.calls == 0


def test_a_worker_that_leaves_asks_nothing_more(pages: Any, publish: Publish, model: LanguageModel, model_server: ModelServer) -> None:
    run = publish()
    pages.stopping.set()
    assert pages.prepare(run, model) == Later()
    assert model_server.model.calls == 0


def test_a_worker_without_a_model_lets_faker_write(pages: Any, publish: Publish) -> None:
    run = publish()
    assert pages.prepare(run, None) == Done()
    assert pages.fallbacks() == {"no_model": 5}
