"""Verifying a run: are the objects that were delivered there, and does the CRM have any under its name that weren't?

What is missing is found by reading every key, a hundred a call: that is exact. What is too many is found by searching for the run's id; a
search may be behind, so it is repeated until two agree and show at least what the keys have shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from simulation_core.kinds import Kind
from simulation_core.ledger.created import BegunBatch, Delivered
from simulation_core.ledger.errands import Done, ErrandEnd, Later
from simulation_core.object_keys import object_type
from simulation_worker.errands import Handler, Undertaking
from simulation_worker.walking import Place, Walk, own_part, types_of, unless_refused

SHOWN_KEYS = 10
LONGEST_KEY = 256  # anybody may write the property
MOST_PASSES = 20
PASS_AGAIN_MS = 5_000


class Tally(BaseModel):
    """Of one type of objects."""

    expected: int = 0
    found: int = 0
    hits: int = 0  # of the search under way
    surplus: int = 0


class Verification(Place):
    passes: int = 0
    before: tuple[tuple[int, int], ...] = ()  # hits and surplus of the last pass, by type
    tallies: dict[str, Tally] = Field(default_factory=dict)
    missing_keys: list[str] = Field(default_factory=list)
    surplus_keys: list[str] = Field(default_factory=list)

    def of(self, type_: str) -> Tally:
        return self.tallies.setdefault(type_, Tally())

    def begin_pass(self) -> None:
        self.searching, self.search_after, self.surplus_keys = 0, 0, []
        for tally in self.tallies.values():
            tally.hits = tally.surplus = 0

    def result(self, types: Sequence[str], *, settled: bool) -> dict[str, Any]:
        counts = {
            type_: {
                "expected": tally.expected,
                "found": tally.found,
                "missing": tally.expected - tally.found,
                "surplus": tally.surplus,
            }
            for type_ in types
            for tally in [self.of(type_)]
        }
        return {**counts, "missingKeys": self.missing_keys, "surplusKeys": self.surplus_keys, "settled": settled}


def verify(undertaking: Undertaking, *, pass_again_ms: int = PASS_AGAIN_MS) -> ErrandEnd:
    """Begins where an earlier attempt saved."""
    return unless_refused(_Verifier(undertaking, pass_again_ms).go_on)


HANDLER = Handler(kind=Kind.VERIFY, perform=verify, at_once=1)


class _Verifier:
    def __init__(self, undertaking: Undertaking, pass_again_ms: int) -> None:
        self._pass_again_ms = pass_again_ms
        self._state = Verification.model_validate(undertaking.errand.progress)
        self._types = types_of(undertaking.errand.run)
        self._walk = Walk(undertaking, self._state, self._types)

    def go_on(self) -> ErrandEnd:
        if not self._walk.through_ledger(self._read):
            return Later()
        delivered = Delivered(self._walk.engine, self._walk.run)
        if not self._walk.through_search(lambda type_, hits: self._judge(type_, [key for _, key in hits], delivered)):
            return Later()
        return self._end_pass()

    def _read(self, batches: Sequence[BegunBatch]) -> None:
        keys: dict[str, list[str]] = {}
        for each in (created for batch in batches for created in batch.objects):
            keys.setdefault(object_type(each.role), []).append(each.key)
        for type_, wanted in keys.items():
            self._read_keys(type_, wanted)

    def _read_keys(self, type_: str, keys: Sequence[str]) -> None:
        found, tally = self._walk.crm.by_key(type_, keys), self._state.of(type_)
        tally.expected += len(keys)
        tally.found += len(found)
        missing = [key for key in keys if key not in found]
        self._state.missing_keys += missing[: SHOWN_KEYS - len(self._state.missing_keys)]

    def _judge(self, type_: str, keys: Sequence[str], delivered: Delivered) -> None:
        """A key that isn't one of this run's, or not of this type, was written by somebody else under the run's name."""
        tally, parts = self._state.of(type_), [own_part(self._walk.run, type_, key) for key in keys]
        ours = [part for part in parts if part is not None]
        known = {each for each, is_known in zip(ours, delivered.which(ours), strict=True) if is_known} if ours else set()
        surplus = [key[:LONGEST_KEY] or "(no key)" for key, part in zip(keys, parts, strict=True) if part not in known]
        tally.hits += len(keys)
        tally.surplus += len(surplus)
        self._state.surplus_keys += surplus[: SHOWN_KEYS - len(self._state.surplus_keys)]

    def _end_pass(self) -> ErrandEnd:
        state = self._state
        now = tuple((tally.hits, tally.surplus) for tally in map(state.of, self._types))
        complete = all(tally.hits - tally.surplus >= tally.found for tally in map(state.of, self._types))
        state.passes += 1
        settled = complete and now == state.before
        if settled or state.passes >= MOST_PASSES:
            return Done(result=state.result(self._types, settled=settled))
        state.before = now
        state.begin_pass()
        self._walk.save()
        return Later(wait_ms=self._pass_again_ms)
