"""What the ledger's questions take and give: frozen values. Times are integer milliseconds since the epoch, in UTC."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from simulation_core.plan.feasibility import Demand


class Status(enum.StrEnum):
    """`simulations.status`: what the run has reached."""

    PLANNING = "PLANNING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def terminal(self) -> bool:
        return self in {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


class RunState(enum.StrEnum):
    """`simulation_control.run_state`: what is wanted. A change waits for claims and renewals: see ledger.holding."""

    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    CANCELLED = "CANCELLED"
    DELETED = "DELETED"


class Outcome(enum.IntEnum):
    """One record's outcome, as stored in `batches.outcomes`."""

    PENDING = 0
    DELIVERED = 1
    FAILED = 2
    SKIPPED = 3


@dataclass(frozen=True, kw_only=True)
class Run:
    """One row of `simulations`."""

    id: UUID
    namespace: str
    name: str
    user_id: UUID
    status: Status
    run_state: RunState  # from simulation_control
    spec: Mapping[str, Any]  # the CR's spec as accepted, camelCase, defaults filled in
    scenario: str
    portal: str
    seed: int
    plan_version: int
    total_records: int
    records_processed: int
    records_failed: int
    records_skipped: int
    accepted_ms: int
    start_ms: int | None  # None: suspended since its creation, the start is not resolved yet
    end_ms: int | None
    shift_ms: int
    reason: str | None  # why it FAILED, a reasons.Reason
    message: str | None
    finished_ms: int | None  # of the last end: a run may be reopened
    deleted_ms: int | None
    purged: bool = False  # retention removed, or is removing, its batches and what was recorded about single records
    retry_token: str | None = None  # the last wish to retry what failed that was carried out
    retried_records: int | None = None  # how many it tried again


# Named tuples, where an object is made for each batch that passes through: made in a fifth of a frozen dataclass's time.


class ClaimRequest(NamedTuple):
    simulation_id: UUID
    batch: int
    attempt: int  # the attempt this claim would be; a job from before an earlier claim is stale


class Fence(NamedTuple):
    """What a worker holds after a claim. Renewing and finishing are refused once state or attempt differ."""

    simulation_id: UUID
    batch: int
    attempt: int


class Claimed(NamedTuple):
    """A batch this worker may deliver until its lease ends. Sequences have one entry a record of the batch."""

    fence: Fence
    run: Run
    first_record: int
    due_ms: Sequence[int]
    outcomes: Sequence[Outcome]  # deliver only those PENDING
    tries: Sequence[int]  # retryable answers each record has had
    crashes: int  # claims in a row that were never finished nor given back, this one not included
    claimed_ms: int  # Postgres's clock in the claim
    lease_ms: int  # duration; counts, for the worker, from before the claim was sent


@dataclass(frozen=True, kw_only=True)
class Early:
    """Not due by Postgres's clock, or not_before hasn't passed: offer again after `remaining_ms`."""

    request: ClaimRequest
    remaining_ms: int


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Nothing to do for this job: done, claimed by another, stale, suspended, cancelled or gone."""

    request: ClaimRequest
    why: str


ClaimResult = Claimed | Early | Refused


@dataclass(frozen=True, kw_only=True)
class RecordResult:
    """What became of one record in one attempt."""

    index: int  # position in the batch
    outcome: Outcome  # PENDING: a retryable answer; it is tried again after not_before
    counts_as_try: bool = False  # a retryable answer of the record's own; not a 429, 423, outage or limit
    delivered_ms: int | None = None  # HubSpot's answer received, aligned to Postgres's clock
    reason: str | None = None  # with FAILED or a counted try, a reasons.Reason
    message: str | None = None
    correlation_id: str | None = None


class Finish(NamedTuple):
    """Ends one claim: terminal outcomes are counted; what stays PENDING returns with not_before.

    A batch that was delivered as a whole needs no results: `Finish(fence, rest_delivered_ms=…)`.
    """

    fence: Fence
    results: Sequence[RecordResult] = ()
    retry_after_ms: int = 0  # from now, for what stays PENDING
    rest_delivered_ms: int | None = None  # when all that is PENDING and not in `results` was delivered; None: that stays PENDING
    crm_ids: Mapping[str, str] = MappingProxyType({})  # <index>.<role> → HubSpot id; role: c, p0, p1 …, d


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A batch that should be in Redis: one RQ job."""

    simulation_id: UUID
    batch: int
    attempt: int  # the attempt its claim will be
    portal: str
    due_ms: int  # when the claim may succeed: due time, not_before or lease end, whichever is latest


@dataclass(frozen=True, kw_only=True)
class Failure:
    record: int
    reason: str
    message: str
    correlation_id: str | None
    time_ms: int


@dataclass(frozen=True, kw_only=True)
class ErrandState:
    """What is to be shown of an errand."""

    token: str
    done: bool
    progress: Mapping[str, Any]
    result: Mapping[str, Any] | None  # of the last time it was done, which may be for an earlier token
    reason: str | None  # what it waits for, a reasons.Reason
    message: str
    done_ms: int | None


@dataclass(frozen=True, kw_only=True)
class ContentCounts:
    """Stored contents of one run by who wrote them, and the tokens a language model said it used."""

    from_model: int = 0
    from_faker: int = 0
    tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the CR's status shows of one run, folded from deltas; 40 equal buckets from start to end."""

    run: Run
    draining: int  # unexpired claims
    next_due_ms: int | None
    peak_per_minute: int
    demand: Demand | None  # what the plan asks of its portal; None: it isn't planned yet
    objects: Mapping[str, int]  # planned companies, contacts, deals
    bucket_ms: int
    planned: Sequence[int]
    delivered: Sequence[int]
    lateness_p50_ms: int | None
    lateness_p99_ms: int | None
    failures: Sequence[Failure]  # the last five
    errands: Mapping[str, ErrandState] = field(default_factory=dict)  # of those that take the run as a whole, by kind
    content: ContentCounts | None = None  # what a language model and Faker wrote; None: nothing was stored


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What wants a worker now, over all runs whose run state is RUNNING."""

    due: int  # batches due and not DONE, claimed ones included
    claimed: int  # under an unexpired lease
    due_within_lead: int  # batches that fall due within the lead asked for
