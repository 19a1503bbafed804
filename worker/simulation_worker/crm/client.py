"""One HubSpot account over HubSpot's SDK. Every call ends within its deadline, and ends in an Answer."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import urllib3
from hubspot.crm.objects import ApiClient, ApiException, Configuration, rest

from simulation_worker.crm.answers import NO_ANSWER, Answer, parse_body, parse_retry_after_ms
from simulation_worker.crm.deadline import Deadline, watch

log = logging.getLogger(__name__)

CALL_DEADLINE_SECONDS = 20.0
CONNECT_SECONDS = 5.0
NO_CONTENT = 204
HIDDEN = "(the token)"
LEAST_CHARACTERS = 16  # of a token. Of an emulator's it may be fewer, and then it may be part of any word
ANY_SUCCESS: Mapping[int, str] = dict.fromkeys(range(200, 300), "object")
# The SDK's generated methods drop the body of a 2xx they don't expect after the write was done; an object is the body as it came.

BROKEN = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError, AttributeError)
# The SDK lets urllib3's errors through as they are, and fails itself (AttributeError, UnicodeDecodeError) on answers without a
# readable body. Whatever ends a call without an answer is the same to us: nobody knows whether the write was done.


CLOSED = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)  # http.client.RemoteDisconnected is a ConnectionResetError


class Pace(Protocol):
    """Asked before each call, and told what headers came with the answer."""

    def wait(self, path: str) -> None:
        """Returns when the call may begin. Raises PausedError where none may for a while."""

    def learn(self, headers: Mapping[str, str]) -> None: ...


class CrmClient:
    """For one thread at a time. Built once per portal and token: it holds the connections. `pace` may be another one for each load.

    `before_call` may raise FenceLostError to forbid the call; it is given the seconds the call may take.
    """

    def __init__(self, *, url: str | None, token: str, pace: Pace, deadline_seconds: float = CALL_DEADLINE_SECONDS) -> None:
        configuration = Configuration(host=url.rstrip("/") if url else None)  # never "": the SDK would call nowhere
        configuration.access_token = token
        configuration.retries = False  # urllib3 would hide a GET's 429 and never repeat a POST: we decide ourselves
        configuration.connection_pool_maxsize = 1
        logging.getLogger(rest.__name__).setLevel(logging.INFO)  # at DEBUG the SDK would log whole answers
        self._token = token
        self._api = ApiClient(configuration)
        self._api.user_agent = "simulation-operator"
        self._deadline = Deadline()
        watch(self._api.rest_client.pool_manager, self._deadline)
        self.pace = pace
        self.deadline_seconds = deadline_seconds
        self.before_call: Callable[[float], None] = lambda _: None
        self.after_call: Callable[[str, int], None] = lambda _path, _status: None

    def get(self, path: str) -> Answer:
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return self._call("POST", path, body)

    def close(self) -> None:
        self._api.rest_client.pool_manager.clear()
        self._api.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        self.pace.wait(path)
        self.before_call(self.deadline_seconds)
        with self._deadline.within(self.deadline_seconds):
            answer = self._answer(method, path, body)
        self.after_call(path, answer.status)
        if answer.status == NO_ANSWER:
            log.warning("%s %s: %s", method, path, answer.broken)
        return answer

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None, *, again: bool = True) -> Answer:
        try:
            data, status, headers = self._api.call_api(
                path,
                method,
                header_params={"Accept": "application/json"},
                body=body,
                response_types_map=ANY_SUCCESS,
                auth_settings=["oauth2"],
                _request_timeout=(min(CONNECT_SECONDS, self.deadline_seconds), self.deadline_seconds),
            )
        except ApiException as refusal:
            if not refusal.status:
                return self._nothing(str(refusal.reason))
            headers = refusal.headers or {}
            self.pace.learn(headers)
            body = parse_body(self._without_token(refusal.body or ""))
            return Answer(status=refusal.status, body=body, retry_after_ms=parse_retry_after_ms(headers.get("Retry-After")))
        except BROKEN as error:
            if again and self._was_stale(error):
                self.pace.wait(path)
                return self._answer(method, path, body, again=False)
            return self._nothing(f"{type(error).__name__}: {error}")
        self.pace.learn(headers or {})
        text = str(self._api.last_response.data)
        if (shown := self._without_token(text)) != text:
            data = parse_body(shown)
        if status != NO_CONTENT and not isinstance(data, dict):
            return self._nothing(f"the answer ({status}) is not one of HubSpot's: it is no JSON object")
        return Answer(status=status, body=data if isinstance(data, dict) else {})

    def _was_stale(self, error: Exception) -> bool:
        """Whether HubSpot closed a kept connection just as we wrote to it. That says nothing about its health, so we ask again at once.

        Nobody knows whether the call was carried out: repeating is right because all our writes are upserts. A connection made for this
        call that is closed without a word is trouble of another kind, and waits.
        """
        aborted = isinstance(error, urllib3.exceptions.ProtocolError) and isinstance(error.args[-1], CLOSED)
        return aborted and self._deadline.kept_alive and not self._deadline.passed

    def _nothing(self, what: str) -> Answer:
        if self._deadline.passed:
            what = f"no complete answer within {self.deadline_seconds:g} s"
        return Answer(status=NO_ANSWER, broken=self._without_token(what))

    def _without_token(self, text: str) -> str:
        """Who answers may repeat what we sent, and what they say goes into logs, the ledger and conditions."""
        return text.replace(self._token, HIDDEN) if len(self._token) >= LEAST_CHARACTERS else text
