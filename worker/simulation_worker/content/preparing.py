"""Preparing a page of records: the model is asked for those that have no content yet, once more for the rest, then Faker writes it.

A model that is away or refuses us is another matter: the page waits, and is tried again for as long as its records aren't due. Their
delivery doesn't wait for it: what isn't there by then is written by Faker.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Engine

from simulation_core.content.blueprint import Blueprint
from simulation_core.content.trades import INDUSTRIES
from simulation_core.errors import SimulationError
from simulation_core.ledger import contents
from simulation_core.ledger.contents import Reservation, Spent, WrittenBy
from simulation_core.ledger.errands import Done, ErrandEnd, ErrandFence, Later
from simulation_core.ledger.preparing import RECORDS_A_PAGE
from simulation_core.ledger.values import RunState
from simulation_core.reasons import Reason
from simulation_core.spec import Scenario
from simulation_worker.content.asking import Question, Wanted
from simulation_worker.content.causes import Cause
from simulation_worker.content.judging import Judged, judge
from simulation_worker.content.model import LanguageModel
from simulation_worker.content.stock import Author, Stock, as_content
from simulation_worker.crm.errors import FenceLostError
from simulation_worker.errands import Undertaking

ASKED = 2  # how often for one page in an attempt
AWAY: Mapping[Cause, Reason] = {Cause.UNAVAILABLE: Reason.MODEL_UNAVAILABLE, Cause.REJECTED: Reason.MODEL_REJECTED}
TOKENS_AGAIN_MS = 1_000
FIRST_WAIT_MS, LONGEST_WAIT_MS = 2_000, 30_000


class _TokensHeldError(SimulationError):
    """The run's tokens are reserved for other pages, which won't need all of them."""


class Preparation:
    """`model` None: this worker has none, and Faker writes everything."""

    def __init__(self, engine: Engine, stock: Stock, model: LanguageModel | None) -> None:
        self._engine = engine
        self._stock = stock
        self._model = model
        self._away = 0  # how often in a row the model was: pages wait longer each time, all of this worker together
        self._lock = threading.Lock()

    def perform(self, undertaking: Undertaking) -> ErrandEnd:
        try:
            return self._perform(undertaking)
        except _TokensHeldError:
            return Later(wait_ms=TOKENS_AGAIN_MS, reason=Reason.TOKENS_RESERVED, message=Reason.TOKENS_RESERVED.meaning)

    def _perform(self, undertaking: Undertaking) -> ErrandEnd:
        run = undertaking.errand.run
        if lost := contents.left_open(undertaking.errand):
            contents.keep(self._engine, run.id, {}, by=WrittenBy.MODEL, spent=lost)
        if run.status.terminal or run.run_state in {RunState.CANCELLED, RunState.DELETED}:
            return Done()
        author = Author.of(run)
        first = undertaking.errand.fence.number * RECORDS_A_PAGE
        page = range(first, min(first + RECORDS_A_PAGE, run.total_records))
        there = contents.stored(self._engine, {run.id: page})[run.id]
        causes = {record: Cause.NO_MODEL for record in page if record not in there}
        for _ in range(ASKED if self._model else 0):
            if not causes:
                break
            if undertaking.stopping.is_set():
                return Later()
            causes = dict(self._ask(author, list(causes), undertaking).faulty)
            if away := next((cause for cause in causes.values() if cause in AWAY), None):
                return self._wait(away)
            self._away = 0
        self._stock.fall_back(author, causes)
        return Done()

    def _ask(self, author: Author, records: Sequence[int], undertaking: Undertaking) -> Judged:
        """What is good is stored when this returns, with what it cost."""
        assert self._model is not None
        undertaking.lease.beat()  # the answer may take longer than a claim lasts: the upkeep renews it meanwhile
        run, wanted = author.run, author.wanted(records)
        fence = undertaking.errand.fence
        question = self._affordable(author, wanted, fence)
        if question is None:
            return Judged(good={}, faulty=dict.fromkeys(records, Cause.OVER_BUDGET))
        asked = len(question.wanted)
        reply = self._model.ask(question, model=author.spec.model)
        judged = judge(reply, wanted[:asked])
        good = {record: as_content(flavour) for record, flavour in judged.good.items()}
        spent = Spent(by=fence, reserved=question.most_tokens, used=reply.tokens)
        contents.keep(self._engine, run.id, good, by=WrittenBy.MODEL, spent=spent)
        return replace(judged, faulty={**judged.faulty, **dict.fromkeys(records[asked:], Cause.OVER_BUDGET)})

    def _affordable(self, author: Author, wanted: Sequence[Blueprint], fence: ErrandFence) -> Question | None:
        """About as many of the first records as there are tokens for, which are reserved. Raises _TokensHeldError, FenceLostError."""
        while wanted:
            question = _question(author, wanted)
            match contents.reserve_tokens(self._engine, fence, question.most_tokens, most=author.spec.max_tokens):
                case Reservation.GRANTED:
                    return question
                case Reservation.LATER:
                    raise _TokensHeldError
                case Reservation.LOST:
                    raise FenceLostError("the errand is another worker's by now, or was begun anew")
                case Reservation.NEVER:
                    wanted = wanted[: len(wanted) // 2]
        return None

    def _wait(self, cause: Cause) -> Later:
        with self._lock:
            self._away += 1
            wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** min(self._away - 1, 10))
        reason = AWAY[cause]
        return Later(wait_ms=wait_ms, reason=reason, message=reason.meaning)


def _question(author: Author, wanted: Sequence[Blueprint]) -> Question:
    return Question(
        wanted=[Wanted(number=each.identity.record, people=each.people, deal=each.deal is not None) for each in wanted],
        companies=author.run.scenario == Scenario.B2B,
        industries=INDUSTRIES,
        theme=author.spec.theme,
        locale=author.spec.locale,
    )
