"""One question to a language model, and every way in which it may come to nothing."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulation_sandbox.model.server import ModelServer
from simulation_sandbox.ports import free_port
from simulation_worker.content.asking import Question, Wanted
from simulation_worker.content.causes import Cause
from simulation_worker.content.model import Access, LanguageModel, Reply
from simulation_worker.metrics import Metrics

Connect = Callable[[Access], LanguageModel]
Fault = Callable[..., None]

QUESTION = Question(
    wanted=[Wanted(number=7, people=2), Wanted(number=8, people=1, deal=True)],
    companies=True,
    industries=["Machinery", "Retail"],
    theme="wind-energy suppliers",
    locale="de_DE",
)


def test_an_answer_holds_a_record_for_each_that_was_asked_for_and_what_it_cost(model: LanguageModel, model_server: ModelServer) -> None:
    reply = model.ask(QUESTION)
    assert reply.cause is None
    records = json.loads(reply.text)["records"]
    assert [(record["number"], len(record["people"])) for record in records] == [(7, 2), (8, 1)]
    assert {record["company"]["industry"] for record in records} <= {"Machinery", "Retail"}
    assert all({"firstName", "lastName", "jobTitle"} == person.keys() for record in records for person in record["people"])
    assert reply.tokens == model_server.model.tokens > 0


def test_no_answer_costs_more_than_was_said_before(model: LanguageModel) -> None:
    reply = model.ask(QUESTION)
    assert reply.tokens is not None
    assert reply.tokens <= QUESTION.most_tokens


def test_a_simulation_may_name_another_model(model: LanguageModel, model_server: ModelServer) -> None:
    model.ask(QUESTION)
    model.ask(QUESTION, model="finer-model")
    assert model_server.model.models == {"sandbox-model": 1, "finer-model": 1}


@pytest.mark.parametrize(
    ("kind", "cause"), [("refusal", Cause.REFUSED), ("filter", Cause.REFUSED), ("truncation", Cause.TRUNCATED)], ids=str
)
def test_an_answer_that_is_none_says_why_and_what_it_cost(
    kind: str, cause: Cause, model: LanguageModel, model_server: ModelServer, fault: Fault
) -> None:
    fault(kind)
    reply = model.ask(QUESTION)
    assert (reply.cause, reply.tokens) == (cause, model_server.model.tokens)


def test_tokens_that_nobody_told_are_estimated(model: LanguageModel, fault: Fault) -> None:
    fault("no_usage")
    reply = model.ask(QUESTION)
    assert reply.cause is None
    assert 0 < (reply.tokens or 0) <= QUESTION.most_tokens


@pytest.mark.parametrize("faults", [{"kind": "status", "status": 429}, {"kind": "status", "status": 503}, {"kind": "reset"}], ids=str)
def test_a_question_is_asked_once_because_its_tokens_were_reserved_once(
    faults: dict[str, Any], model: LanguageModel, model_server: ModelServer, fault: Fault
) -> None:
    fault(**faults)
    assert model.ask(QUESTION).cause is Cause.UNAVAILABLE
    assert model_server.model.calls == 1


@pytest.mark.parametrize("status", [502, 504, 524])
def test_an_answer_that_a_gateway_lost_may_have_cost_something(status: int, model: LanguageModel, fault: Fault) -> None:
    fault("status", status=status)
    assert model.ask(QUESTION) == Reply(cause=Cause.UNAVAILABLE, tokens=None)


@pytest.mark.parametrize(
    ("status", "cause"), [(429, Cause.UNAVAILABLE), (503, Cause.UNAVAILABLE), (401, Cause.REJECTED), (404, Cause.REJECTED)]
)
def test_an_error_is_told_by_whether_somebody_must_act(status: int, cause: Cause, model: LanguageModel, fault: Fault) -> None:
    fault("status", status=status)
    assert model.ask(QUESTION) == Reply(cause=cause, tokens=0)


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_deadline_is_total(
    kind: str, access: Access, connected: Connect, fault: Fault, until: Callable[..., None], model_server: ModelServer
) -> None:
    """A drip a tenth of a second would keep a timeout of each read waiting for minutes."""
    fault(kind, milliseconds=100)
    began_s = time.monotonic()
    assert connected(replace(access, deadline_seconds=1)).ask(QUESTION) == Reply(cause=Cause.UNAVAILABLE, tokens=None)
    assert time.monotonic() - began_s < 8
    until(lambda: model_server.model.under_way == 0)  # the connection was given up as well


def test_a_connection_that_is_reset_may_have_cost_something(model: LanguageModel, fault: Fault) -> None:
    fault("reset")
    assert model.ask(QUESTION) == Reply(cause=Cause.UNAVAILABLE, tokens=None)


def test_a_server_that_is_not_there_costs_nothing(access: Access, connected: Connect) -> None:
    nowhere = replace(access, base_url=f"http://127.0.0.1:{free_port()}/v1")
    assert connected(nowhere).ask(QUESTION) == Reply(cause=Cause.UNAVAILABLE, tokens=0)


def test_a_key_that_is_replaced_counts_for_the_next_question(access: Access, model: LanguageModel, model_server: ModelServer) -> None:
    model_server.model.key = "second"
    assert isinstance(access.key_file, Path)
    for key, cause in (("first", Cause.REJECTED), ("second", None)):
        access.key_file.write_text(f"{key}\n")
        assert model.ask(QUESTION).cause is cause


def test_the_environment_says_nothing(access: Access, connected: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty OPENAI_BASE_URL would send the SDK nowhere, and a key of somebody else's elsewhere."""
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "somebody-elses")
    assert connected(access).ask(QUESTION).cause is None


def test_many_questions_are_under_way_at_once(model: LanguageModel, model_server: ModelServer, fault: Fault) -> None:
    fault("latency", milliseconds=500, times=None)
    with ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(model.ask, [QUESTION] * 16))
    assert all(reply.cause is None for reply in replies)
    assert model_server.model.most_under_way == 16


def test_neither_prompt_nor_answer_nor_key_is_logged(
    access: Access, connected: Connect, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(access.key_file, Path)
    access.key_file.write_text("a-very-secret-key")
    with caplog.at_level(logging.DEBUG):
        model = connected(access)
        for kind in ("latency", "status", "refusal", "reset"):
            fault(kind, status=400)
            model.ask(QUESTION)
    logged = "".join(record.getMessage() + str(record.exc_text) for record in caplog.records)
    assert "the language model at" in logged
    for secret in ("wind-energy", "You invent", "a-very-secret-key", "Windpark"):
        assert secret not in logged


def test_what_came_of_questions_is_counted(model: LanguageModel, metrics: Metrics, fault: Fault, model_server: ModelServer) -> None:
    fault("refusal")
    for _ in range(3):
        model.ask(QUESTION)
    counted = {
        sample.labels["outcome"]: sample.value
        for sample in next(iter(metrics.model_calls.collect())).samples
        if sample.name.endswith("_total")
    }
    assert counted == {"refused": 1, "answered": 2}
    assert next(iter(metrics.model_tokens.collect())).samples[0].value == model_server.model.tokens
