"""The one client of a language model, on OpenAI's SDK: OpenAI, Azure, Ollama or vLLM, by base URL.

The SDK's timeouts bound each wait for a byte; an answer that drips in would go on for ever. So calls run in one event loop, on a thread of
its own, where a deadline cancels a call with its connection, however far it is. As many may be under way as callers ask.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from simulation_worker.content.asking import CHARACTERS_A_TOKEN, Question
from simulation_worker.content.causes import Cause
from simulation_worker.metrics import Metrics
from simulation_worker.mounted import read_token

log = logging.getLogger(__name__)

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"  # local servers want none; the SDK wants one, and would look into the environment
RETRIES = 0  # tokens are reserved for one question: asking again is for who reserves again
NEVER_SENT = "ConnectError"
CLOSE_SECONDS = 5.0

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How the installation's model is reached."""

    model: str  # where a Simulation names none
    base_url: str | None = None  # None: OpenAI's own. Never "": the SDK would call nowhere
    key_file: Path | None = None  # read at each call, so that a rotated key counts at once
    deadline_seconds: float = 45.0  # for question and answer


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a question. `text` may be of use also where there is a cause against it."""

    text: str = ""
    cause: Cause | None = None
    tokens: int | None = 0  # None: nobody knows, the question may have been answered all the same


class LanguageModel:
    """Used by any number of threads at once. Raises nothing for what the model does: a Reply says it."""

    def __init__(self, access: Access, *, metrics: Metrics) -> None:
        for name in ("openai", "httpx2", "httpcore2"):  # at DEBUG the SDK would log whole prompts
            logging.getLogger(name).setLevel(logging.WARNING)
        self._access = access
        self._metrics = metrics
        self._client = openai.AsyncOpenAI(
            base_url=access.base_url or OPENAI_URL,
            api_key=self._key,
            timeout=access.deadline_seconds,
            max_retries=RETRIES,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="language-model", daemon=True)
        self._thread.start()
        self._told: str | None = None
        self._shown_url = without_userinfo(access.base_url or OPENAI_URL)

    def ask(self, question: Question, *, model: str | None = None) -> Reply:
        """Blocks until the answer is there or the deadline has passed."""
        return self._run(self._ask(question, model or self._access.model))

    def close(self) -> None:
        """Calls under way end unanswered."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _close(self) -> None:
        calls = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._client.close()

    async def _key(self) -> str:
        return (read_token(self._access.key_file) if self._access.key_file else None) or NO_KEY

    async def _ask(self, question: Question, model: str) -> Reply:
        began_s = time.monotonic()
        reply = await self._replied(question, model)
        self._metrics.model_seconds.observe(time.monotonic() - began_s)
        self._metrics.model_calls.labels(reply.cause.value if reply.cause else "answered").inc()
        if reply.tokens:
            self._metrics.model_tokens.inc(reply.tokens)
        return reply

    async def _replied(self, question: Question, model: str) -> Reply:
        try:
            async with asyncio.timeout(self._access.deadline_seconds):
                completion = await self._complete(question, model)
            reply = _read(completion, question)
        except (TimeoutError, openai.APITimeoutError):
            return self._failed(Cause.UNAVAILABLE, f"no complete answer within {self._access.deadline_seconds:g} s", tokens=None)
        except openai.APIStatusError as refusal:
            status = refusal.status_code
            return self._failed(_cause_of(status), f"it answered {status}", tokens=None if _is_a_gateways(status) else 0)
        except openai.APIConnectionError as error:
            how = type(error.__cause__ or error).__name__
            return self._failed(Cause.UNAVAILABLE, f"it can't be reached: {how}", tokens=0 if how == NEVER_SENT else None)
        except (openai.OpenAIError, ValueError, TypeError, AttributeError, LookupError) as error:
            # an answer that isn't one: the SDK trusts what comes with 200. Its text might hold the prompt, so only its kind is told
            return self._failed(Cause.NOT_JSON, f"its answer can't be read: {type(error).__name__}", tokens=None)
        self._told = None
        return reply

    async def _complete(self, question: Question, model: str) -> ChatCompletion:
        return await self._client.chat.completions.create(
            model=model,
            messages=cast(list[ChatCompletionMessageParam], question.messages()),
            response_format={"type": "json_schema", "json_schema": {"name": "records", "strict": True, "schema": question.schema()}},
            max_completion_tokens=question.most_answered,
        )

    def _failed(self, cause: Cause, what: str, *, tokens: int | None = 0) -> Reply:
        if what != self._told:
            log.warning("the language model at %s: %s", self._shown_url, what)
            self._told = what
        return Reply(cause=cause, tokens=tokens)


def without_userinfo(url: str) -> str:
    """As it may be logged: a server's address may have a user and a password in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _cause_of(status: int) -> Cause:
    """What another minute may mend, and what somebody has to."""
    return Cause.UNAVAILABLE if status in {408, 409, 425, 429} or status >= 500 else Cause.REJECTED


def _is_a_gateways(status: int) -> bool:
    """Something before the model lost the answer (bad gateway, gateway timeout, Cloudflare's own): the question may have been answered."""
    return status in {502, 504} or 520 <= status < 530


def _read(completion: ChatCompletion, question: Question) -> Reply:
    choice = completion.choices[0]
    text, refusal = choice.message.content or "", choice.message.refusal
    tokens = completion.usage.total_tokens if completion.usage else _estimated(text, question)
    if refusal or choice.finish_reason == "content_filter":
        return Reply(cause=Cause.REFUSED, tokens=tokens)
    return Reply(text=text, cause=Cause.TRUNCATED if choice.finish_reason == "length" else None, tokens=tokens)


def _estimated(text: str, question: Question) -> int:
    """For servers that don't say what a call took."""
    return question.most_tokens - question.most_answered + len(text) // CHARACTERS_A_TOKEN
