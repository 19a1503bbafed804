"""The sandbox's language model, asked through OpenAI's own SDK: it answers like one, and goes wrong like one on demand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from simulation_sandbox.model.server import ModelServer

COMMAND = Path(sys.executable).with_name("simulation-sandbox")
SCHEMA = {
    "type": "object",
    "properties": {
        "records": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer"},
                    "name": {"type": "string"},
                    "people": {"type": "array", "items": {"type": "object", "properties": {"firstName": {"type": "string"}}}},
                },
            },
        }
    },
}
ASKED = {"theme": "wind energy", "locale": "de_DE", "records": [{"number": 7, "people": 2}, {"number": 8, "people": 0}]}


@pytest.fixture
def client(model_server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{model_server.url}/v1", api_key="any", max_retries=0, timeout=5) as made:
        yield made


def ask(client: openai.OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(
        model="some-model",
        messages=[{"role": "system", "content": "You write."}, {"role": "user", "content": json.dumps(ASKED)}],
        response_format={"type": "json_schema", "json_schema": {"name": "records", "schema": SCHEMA}},
        **more,
    )


def fault(server: ModelServer, kind: str, **more: Any) -> None:
    httpx.post(f"{server.url}/_model/faults", json={"kind": kind, **more}).raise_for_status()


def test_it_fills_the_schema_for_each_record_asked_for_and_says_what_it_cost(client: openai.OpenAI) -> None:
    answer = ask(client)
    records = json.loads(answer.choices[0].message.content)["records"]
    assert [(record["number"], len(record["people"])) for record in records] == [(7, 2), (8, 0)]
    assert all("Wind" in record["name"] for record in records)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 50


def test_the_same_question_gets_the_same_answer(client: openai.OpenAI) -> None:
    assert ask(client).choices[0].message.content == ask(client).choices[0].message.content


def test_faults_befall_the_next_call_and_no_other(client: openai.OpenAI, model_server: ModelServer) -> None:
    fault(model_server, "refusal")
    message = ask(client).choices[0].message
    assert (message.content, message.refusal is None) == (None, False)
    assert ask(client).choices[0].message.refusal is None


def test_it_is_cut_off_on_demand_and_at_the_limit_that_was_asked_for(client: openai.OpenAI, model_server: ModelServer) -> None:
    fault(model_server, "truncation")
    for choice in (ask(client).choices[0], ask(client, max_completion_tokens=5).choices[0]):
        assert choice.finish_reason == "length"
        with pytest.raises(json.JSONDecodeError):
            json.loads(choice.message.content)


@pytest.mark.parametrize("kind", ["prose", "invalid_json"])
def test_it_forgets_the_json(kind: str, client: openai.OpenAI, model_server: ModelServer) -> None:
    fault(model_server, kind)
    with pytest.raises(json.JSONDecodeError):
        json.loads(ask(client).choices[0].message.content)


def test_it_forgets_a_record_or_a_field(client: openai.OpenAI, model_server: ModelServer) -> None:
    fault(model_server, "wrong_count")
    fault(model_server, "missing_field")
    assert len(json.loads(ask(client).choices[0].message.content)["records"]) == 1
    assert "name" not in json.loads(ask(client).choices[0].message.content)["records"][0]


def test_it_answers_with_errors_that_the_sdk_knows(client: openai.OpenAI, model_server: ModelServer) -> None:
    for status, error in ((429, openai.RateLimitError), (503, openai.InternalServerError), (401, openai.AuthenticationError)):
        fault(model_server, "status", status=status, retryAfterSeconds=3)
        with pytest.raises(error) as refused:
            ask(client)
        assert refused.value.response.headers["retry-after"] == "3"


@pytest.mark.parametrize("kind", ["reset", "hang"])
def test_it_answers_nobody(kind: str, client: openai.OpenAI, model_server: ModelServer) -> None:
    fault(model_server, kind)
    with pytest.raises(openai.APIConnectionError):
        ask(client.with_options(timeout=0.3))


def test_a_dripping_answer_arrives_in_the_end(client: openai.OpenAI, model_server: ModelServer) -> None:
    fault(model_server, "drip", milliseconds=0)
    assert ask(client).choices[0].finish_reason == "stop"


def test_only_the_key_that_was_set_is_let_in(client: openai.OpenAI, model_server: ModelServer) -> None:
    httpx.post(f"{model_server.url}/_model/key", json={"key": "right"}).raise_for_status()
    with pytest.raises(openai.AuthenticationError):
        ask(client)
    assert ask(client.with_options(api_key="right")).choices[0].finish_reason == "stop"


def test_an_unknown_fault_is_refused_with_those_it_knows(model_server: ModelServer) -> None:
    answer = httpx.post(f"{model_server.url}/_model/faults", json={"kind": "boredom"})
    assert answer.status_code == 400
    assert "wrong_count" in answer.json()["error"]["message"]


def test_served_alone_it_tells_its_address_and_ends_in_good_order() -> None:
    with subprocess.Popen([COMMAND, "model"], stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        assert httpx.get(f"{url}/models", trust_env=False).is_success
        process.terminate()
        assert process.wait(15) == 0
