"""A chat completion, as OpenAI documents it: by the schema that was asked for, or wrong in the way that was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from simulation_sandbox.model.faults import FaultKind
from simulation_sandbox.model.writing import answer

PROSE = "Of course! Here are some wonderful companies for you. The first one makes turbines, and the second one sells them."
REFUSAL = "I'm sorry, but I can't help with that."
CREATED = 1_790_000_000  # a fixed moment: the same question gets the same answer, byte for byte
CHARACTERS_A_TOKEN = 4


def complete(asked: Mapping[str, Any], kind: FaultKind | None = None) -> dict[str, Any]:
    """Raises ValueError, KeyError or TypeError where the request isn't one."""
    messages = asked["messages"]
    content, refusal, reason = _content(asked, kind)
    read = sum(len(str(message["content"])) for message in messages)
    usage = {"prompt_tokens": _tokens(read), "completion_tokens": _tokens(len(content or refusal or ""))}
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "id": "chatcmpl-sandbox",
        "object": "chat.completion",
        "created": CREATED,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": {**usage, "total_tokens": sum(usage.values())},
    }


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_A_TOKEN)


def _content(asked: Mapping[str, Any], kind: FaultKind | None) -> tuple[str | None, str | None, str]:
    """Content, refusal, finish_reason."""
    if kind is FaultKind.REFUSAL:
        return None, REFUSAL, "stop"
    if kind is FaultKind.FILTER:
        return None, None, "content_filter"
    if kind is FaultKind.PROSE or asked.get("response_format", {}).get("type") != "json_schema":
        return PROSE, None, "stop"
    schema = asked["response_format"]["json_schema"]["schema"]
    whole = json.dumps(_spoilt(answer(schema, asked["messages"][-1]["content"]), kind), ensure_ascii=False)
    if kind is FaultKind.INVALID_JSON:
        return whole.replace('"', "'"), None, "stop"
    most = int(asked.get("max_completion_tokens") or asked.get("max_tokens") or 0) * CHARACTERS_A_TOKEN
    if kind is FaultKind.TRUNCATION or 0 < most < len(whole):
        return whole[: min(len(whole) // 2, most or len(whole))], None, "length"
    return whole, None, "stop"


def _spoilt(whole: dict[str, Any], kind: FaultKind | None) -> dict[str, Any]:
    (name, items), *_ = whole.items()
    if kind is FaultKind.WRONG_COUNT:
        return {name: items[:-1]}
    if kind is FaultKind.MISSING_FIELD and items:
        del items[0][_first_text(items[0])]
    if kind is FaultKind.BAD_FIELD and items:
        items[0][_first_text(items[0])] = "write to sales@realcompany.com"
    return whole


def _first_text(item: Mapping[str, Any]) -> str:
    return next((name for name, value in item.items() if isinstance(value, str)), next(iter(item)))
