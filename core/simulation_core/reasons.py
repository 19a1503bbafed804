"""Why something waits, failed or is as it is: the closed set of reasons in conditions and Events. The docs are generated from it."""

from __future__ import annotations

import enum
from typing import Self


class Reason(enum.StrEnum):
    """A reason as it appears in conditions, Events and metrics; `meaning` is the sentence the documentation prints."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:  # the default lets Reason("Queued") look a member up
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # how a run goes
    ACCEPTED = "Accepted", "The spec was taken as it stands; from now on it is frozen."
    PLANNING = "Planning", "Due times are being computed and stored."
    PLANNED = "Planned", "Every due time is stored."
    QUEUED = "Queued", "Planned; the first record is not due yet."
    STARTED = "Started", "The first batch was begun."
    RUNNING = "Running", "Records are being delivered at their planned moments."
    SUSPENDED = "Suspended", "spec.suspend is true: nothing new is claimed."
    RESUMED = "Resumed", "spec.suspend is false again: the run goes on."
    DRAINING = "Draining", "Suspended or cancelled, and deliveries already claimed are being finished."
    COMPLETED = "Completed", "Every record was processed and the failure policy is met."
    CANCELLED = "Cancelled", "spec.cancel is true: the run has ended for good."
    FAILURE_POLICY_EXCEEDED = "FailurePolicyExceeded", "More records failed than spec.failurePolicy.maxFailedPercent allows."
    # why a run can't start
    WINDOW_PASSED = "WindowPassed", "The window was already over when the Simulation was or could have been accepted."
    SPEC_INVALID = "SpecInvalid", "The spec can't be carried out; the message names the field and the remedy."
    USER_UNKNOWN = (
        "UserUnknown",
        "spec.userId is not in the users table the installation brought; in a table of ours an unknown user is added.",
    )
    # what a run waits for
    PORTAL_UNKNOWN = "PortalUnknown", "spec.portal is not among the portals the administrator configured."
    NAMESPACE_NOT_ALLOWED = "NamespaceNotAllowed", "The portal doesn't allow Simulations from this namespace."
    TOO_MANY_RECORDS = "TooManyRecords", "The portal's maxRecordsPerSimulation is smaller than spec.totalRecords."
    INTERNAL_ERROR = (
        "InternalError",
        "Something unexpected failed; the operator's log has the details, and it is tried again with growing pauses.",
    )
    DATABASE_UNAVAILABLE = "DatabaseUnavailable", "Postgres can't be reached; work goes on by itself when it is back."
    QUEUE_UNAVAILABLE = "QueueUnavailable", "Redis can't be reached; what is due is offered again when it is back."
    QUEUE_POLICY_UNSAFE = "QueuePolicyUnsafe", "Redis may evict jobs: set maxmemory-policy to noeviction."
    PORTAL_UNAVAILABLE = "PortalUnavailable", "HubSpot doesn't answer or answers with server errors; deliveries are repeated."
    PORTAL_THROTTLED = "PortalThrottled", "HubSpot's ten-second limit is reached; deliveries wait for the next window."
    DAILY_LIMIT_REACHED = "DailyLimitReached", "HubSpot's daily limit is reached; deliveries wait for the account's midnight."
    CIRCUIT_OPEN = (
        "CircuitOpen",
        "HubSpot failed several times in a row: one worker at a time tries whether it answers again, and the others wait.",
    )
    CREDENTIAL_REJECTED = "CredentialRejected", "HubSpot refused the portal's token: replace it in its Secret."
    SCOPE_MISSING = "ScopeMissing", "The portal's token lacks a scope that the message names."
    ACCOUNT_TYPE_REFUSED = "AccountTypeRefused", "The account is not a test account and the portal doesn't set allowProduction."
    PROPERTY_UNUSABLE = "PropertyUnusable", "A HubSpot property the product needs exists in a form it can't use; the message says which."
    MODEL_UNKNOWN = "ModelUnknown", "spec.content.source is OpenAI, and the installation has no language model."
    MODEL_UNAVAILABLE = (
        "ModelUnavailable",
        "The language model doesn't answer in time, or with server errors; records that are due meanwhile get Faker's content.",
    )
    MODEL_REJECTED = (
        "ModelRejected",
        "The language model's server refuses the key, the model or the request: see model.* in the chart and spec.content.model.",
    )
    TOKENS_RESERVED = (
        "TokensReserved",
        "What is left of spec.content.maxTokens is reserved for questions that are under way; the rest waits for what they leave.",
    )
    NOT_IN_PORTAL = (
        "NotInPortal",
        "The portal lacks a pipeline, a stage, an owner, a property or an option that the spec names; the message says which.",
    )
    # what was asked for after the run
    RETRYING_FAILED = "RetryingFailed", "Failed records are tried again, as the annotation simulation-operator.dev/retry-failed asks."
    NOTHING_TO_RETRY = (
        "NothingToRetry",
        "The annotation simulation-operator.dev/retry-failed found no failed record, or none that can still be tried again.",
    )
    VERIFIED = "Verified", "The CRM holds every object that was delivered, and none beyond them under the run's name."
    VERIFYING = "Verifying", "The CRM is being compared with what was delivered."
    DIFFERENCES_FOUND = "DifferencesFound", "The CRM lacks objects that were delivered, or holds others under the run's name."
    UNSETTLED = "Unsettled", "What was delivered is there, but HubSpot's search had not come to rest: verify again later."
    OUT_OF_DATE = "OutOfDate", "The run went on after it was verified: verify it again."
    NO_LONGER_KNOWN = "NoLongerKnown", "Retention removed what was recorded about single records: there is nothing left to compare with."
    NOT_FINISHED = "NotFinished", "What was asked for is done when the run has ended."
    EXPIRED = "Expired", "spec.ttlSecondsAfterFinished has passed since the run's end: the Simulation is deleted."
    ARCHIVING = "Archiving", "What the run created is being archived in HubSpot, as spec.deletionPolicy: Archive asks."
    ARCHIVED = "Archived", "What the run created is archived in HubSpot."
    # what a record may fail with, and Events about records
    RECORDS_FAILED = "RecordsFailed", "Records failed for good; status.failures shows the last ones."
    RECORDS_LATE = "RecordsLate", "Records are being delivered later than the tolerance."
    RECORDS_SKIPPED = "RecordsSkipped", "Records that were missed were skipped, as spec.missedRecords: Skip asks."
    SHIFTED = "Shifted", "Records were missed, and spec.missedRecords: Shift moved all that was left of the plan into the future."
    WORKER_DIED = (
        "WorkerDied",
        "Three attempts at a batch ended without an answer: the worker died, or met a fault of its own. Its open records were given up.",
    )
    RETRIES_EXHAUSTED = "RetriesExhausted", "A record's retries.limit was reached."
    RECORD_REJECTED = "RecordRejected", "HubSpot rejected the record itself; repeating wouldn't help."
    # feasibility
    WITHIN_LIMITS = "WithinLimits", "The plan fits HubSpot's limits."
    EXCEEDS_LIMITS = "ExceedsLimits", "The plan needs more calls than HubSpot allows: records will be late."


NOT_VERIFIED = frozenset({Reason.DIFFERENCES_FOUND, Reason.UNSETTLED, Reason.OUT_OF_DATE, Reason.NO_LONGER_KNOWN})
"""Why Verified is False although nothing of it is under way any more."""
