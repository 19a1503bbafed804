"""What a user asks for: the spec of a Simulation as frozen values, parsed from the custom resource.

Names, defaults and bounds equal those of crds/simulation.yaml (a test compares the two), so a spec the API server admitted always parses,
and one read from a file (kubectl simulation plan) is refused for the same reasons. The rules that need two fields are in spec_rules.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel, to_snake

from simulation_core.errors import SpecError
from simulation_core.spec_rules import first_broken_rule

# A calendar moment with a zone. Years outside 20xx overflow in the API server's rules, and we count in milliseconds.
DATE_TIME_PATTERN = r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?(Z|[+-][0-9]{2}:[0-9]{2})$"
UUID_PATTERN = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

MAX_RECORDS = 10_000_000
MAX_DURATION_SECONDS = 316_224_000  # ten years
LAST_MOMENT_MS = 4_102_444_799_999  # 2099-12-31T23:59:59.999Z: what the pattern of a date-time ends with
MAX_SEED = 2**53 - 1  # what JSON carries exactly everywhere


class Scenario(enum.StrEnum):
    B2B = "B2B"
    B2C = "B2C"


class Method(enum.StrEnum):
    LINEAR = "Linear"
    BELL_CURVE = "BellCurve"
    FRONT_LOADED = "FrontLoaded"
    BACK_LOADED = "BackLoaded"
    BURSTS = "Bursts"
    TRICKLE = "Trickle"
    RANDOM = "Random"
    DAILY_SPIKE = "DailySpike"
    WEEKEND_SURGE = "WeekendSurge"
    BUSINESS_HOURS = "BusinessHours"
    CUSTOM = "Custom"


class Source(enum.StrEnum):
    FAKER = "Faker"
    OPENAI = "OpenAI"


class MissedRecords(enum.StrEnum):
    CATCH_UP = "CatchUp"
    SKIP = "Skip"
    SHIFT = "Shift"


class DeletionPolicy(enum.StrEnum):
    RETAIN = "Retain"
    ARCHIVE = "Archive"


class Day(enum.StrEnum):
    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"
    SUNDAY = "Sunday"


def _instant(value: object) -> object:
    """Hold a date-time to the CRD's pattern; what isn't text is left to pydantic (a YAML reader may have parsed it already)."""
    if isinstance(value, str) and not re.fullmatch(DATE_TIME_PATTERN, value):
        raise ValueError("write a date-time as 2026-12-01T08:00:00Z: year 20xx, capital T, at most 3 decimals, Z or an offset like +01:00")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a date-time needs a zone: end it with Z or an offset like +01:00")
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value


def _integer(minimum: int, maximum: int) -> Any:
    return Field(strict=True, ge=minimum, le=maximum)


def _uuid(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(UUID_PATTERN, value):
        raise ValueError("write a UUID as 6f1c2a55-0000-4222-8333-444455556666")
    return value


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": DATE_TIME_PATTERN, "maxLength": 35}),
]
UserId = Annotated[
    UUID,
    BeforeValidator(_uuid),
    WithJsonSchema({"type": "string", "format": "uuid", "pattern": UUID_PATTERN, "maxLength": 36}),
]
Percent = Annotated[int, _integer(0, 100)]
PositivePercent = Annotated[int, _integer(1, 100)]


class SpecPart(BaseModel):
    """Immutable; camelCase outside, snake_case inside; an unknown name is refused rather than ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class BellCurve(SpecPart):
    """A normal distribution truncated to the window; both parameters in percent of the window."""

    peak_percent: Percent = 50
    spread_percent: PositivePercent = 17


class Loaded(SpecPart):
    steepness_percent: Annotated[int, _integer(1, 10_000)] = 300


class Bursts(SpecPart):
    count: Annotated[int, _integer(1, 1000)] = 5
    width_percent: PositivePercent = 2
    background_percent: Percent = 10


class Trickle(SpecPart):
    jitter_percent: Percent = 80


class DailySpike(SpecPart):
    hour: Annotated[int, _integer(0, 23)] = 9
    width_minutes: Annotated[int, _integer(1, 1440)] = 60
    background_percent: Percent = 20


class WeekendSurge(SpecPart):
    factor_percent: Annotated[int, _integer(0, 10_000)] = 300


def _calendar_day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a date of the calendar: correct or remove it") from None
    return value


CalendarDay = Annotated[
    str,
    Field(pattern="^20[0-9]{2}-[0-9]{2}-[0-9]{2}$", max_length=10),
    AfterValidator(_calendar_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^20[0-9]{2}-[0-9]{2}-[0-9]{2}$", "maxLength": 10}),
]


class WorkingTime(SpecPart):
    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] = (Day.MONDAY, Day.TUESDAY, Day.WEDNESDAY, Day.THURSDAY, Day.FRIDAY)
    start_hour: Annotated[int, _integer(0, 23)] = 9
    end_hour: Annotated[int, _integer(1, 24)] = 17
    holidays: Annotated[tuple[CalendarDay, ...], Field(max_length=366)] = ()


class Point(SpecPart):
    percent: Percent
    weight: Annotated[int, _integer(0, 1_000_000)]


class Custom(SpecPart):
    points: Annotated[tuple[Point, ...], Field(min_length=2, max_length=200)]


class Distribution(SpecPart):
    """How records spread over the window. The method's own member is always present after parsing, with its defaults."""

    method: Method = Method.LINEAR
    bell_curve: BellCurve | None = None
    front_loaded: Loaded | None = None
    back_loaded: Loaded | None = None
    bursts: Bursts | None = None
    trickle: Trickle | None = None
    daily_spike: DailySpike | None = None
    weekend_surge: WeekendSurge | None = None
    working_time: WorkingTime | None = None
    custom: Custom | None = None
    time_zone: Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9_+/-]+$")] = "UTC"

    @model_validator(mode="before")
    @classmethod
    def fill_in_the_methods_member(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        method = str(given.get("method", Method.LINEAR))
        member = "workingTime" if method == Method.BUSINESS_HOURS else method[:1].lower() + method[1:]
        is_there = given.get(member) is not None or given.get(to_snake(member)) is not None
        return given if is_there or member not in MEMBERS_WITH_DEFAULTS else {**given, member: {}}


# Linear and Random take no parameters, and Custom has no points of its own.
MEMBERS_WITH_DEFAULTS = frozenset(
    {"bellCurve", "frontLoaded", "backLoaded", "bursts", "trickle", "dailySpike", "weekendSurge", "workingTime"}
)


class Content(SpecPart):
    """What the records say. `source` None: the installation's choice, a model where it has one, else Faker."""

    source: Source | None = None
    model: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    theme: Annotated[str, Field(max_length=500)] | None = None
    locale: Annotated[str, Field(max_length=16, pattern="^[a-z]{2,3}(_[A-Za-z]{2,4})?$")] = "en_US"
    max_tokens: Annotated[int, _integer(1, 2_000_000_000)] | None = None


class Range(SpecPart):
    min: Annotated[int, _integer(0, 100)] = 1
    max: Annotated[int, _integer(0, 100)] = 1


class Amount(SpecPart):
    """A lognormal deal size: the median, and σ of the logarithm in percent."""

    median: Annotated[int, _integer(1, 1_000_000_000)] = 12_000
    sigma_percent: Annotated[int, _integer(0, 500)] = 80


class Deals(SpecPart):
    percent: Percent = 0
    pipeline: Annotated[str, Field(min_length=1, max_length=100)] = "default"
    stage: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    amount: Amount = Amount()
    won_percent: Percent = 0


class Option(SpecPart):
    value: Annotated[str, Field(max_length=1024)]
    weight: Annotated[int, _integer(0, 1_000_000)] = 1


class PropertyValue(SpecPart):
    """What a property gets: a constant, written as plain text, or one of several values, drawn by weight for each object."""

    value: Annotated[str, Field(max_length=1024)] | None = None
    choice: Annotated[tuple[Option, ...], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="before")
    @classmethod
    def from_text(cls, given: object) -> object:
        if isinstance(given, str):
            return {"value": given}
        if not isinstance(given, Mapping | cls):
            raise ValueError(f'is neither text nor a choice: put it in quotes, as "{given}", or write choice: [{{value: …, weight: …}}]')
        return given

    @model_validator(mode="after")
    def is_one_of_the_two(self) -> PropertyValue:
        if (self.value is None) == (self.choice is None):
            raise ValueError("write either a text in quotes or choice: [{value: …, weight: …}]")
        if self.choice is not None and not any(option.weight for option in self.choice):
            raise ValueError("all weights are 0, so no value can be drawn: raise one")
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """All that it may get."""
        if self.choice is None:
            return (self.value or "",)
        return tuple(option.value for option in self.choice if option.weight)


# By these a record is found again, or nobody is ever mailed: they are not the user's to set.
OUR_PROPERTIES = frozenset({"simulation_key", "simulation_id", "simulation_name", "email", "hs_additional_emails", "domain"})
PROPERTY_PATTERN = r"^[a-z][a-z0-9_]{0,99}$"


def _property_name(name: str) -> str:
    if name in OUR_PROPERTIES:
        raise ValueError(f"{name} is set by the product itself: remove it")
    if not re.fullmatch(PROPERTY_PATTERN, name):
        raise ValueError("is no internal name of a property: lowercase letters, digits and _, beginning with a letter")
    return name


PropertyName = Annotated[str, AfterValidator(_property_name)]
# The API server has no words for "text or a choice", so it takes any value; ours are the first to look at it.
AnyValue = Annotated[PropertyValue, WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True})]
PropertyValues = Annotated[dict[PropertyName, AnyValue], Field(max_length=50)]


class Properties(SpecPart):
    companies: PropertyValues = Field(default_factory=dict)
    contacts: PropertyValues = Field(default_factory=dict)
    deals: PropertyValues = Field(default_factory=dict)


class Records(SpecPart):
    """What one primary record brings with it, and the properties all of them get."""

    contacts_per_company: Range = Range()
    deals: Deals = Deals()
    owner_ids: Annotated[tuple[Annotated[str, Field(pattern="^[0-9]+$", max_length=20)], ...], Field(max_length=100)] = ()
    properties: Properties = Properties()


class Retries(SpecPart):
    limit: Annotated[int, _integer(0, 100)] = 5


class FailurePolicy(SpecPart):
    max_failed_percent: Percent = 0
    stop_early: bool = False


class Spec(SpecPart):
    """The whole spec. Optional values that are None are resolved by the operator when it accepts the Simulation."""

    scenario: Scenario
    total_records: Annotated[int, _integer(1, MAX_RECORDS)]
    start_time: Instant | None = None
    end_time: Instant | None = None
    duration_seconds: Annotated[int, _integer(1, MAX_DURATION_SECONDS)] | None = None
    distribution: Distribution = Distribution()
    tolerance_milliseconds: Annotated[int, _integer(0, 86_400_000)] = 1000
    seed: Annotated[int, _integer(0, MAX_SEED)] | None = None
    user_id: UserId | None = None
    portal: Annotated[str, Field(min_length=1, max_length=63, pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] = "default"
    content: Content = Content()
    records: Records = Records()
    suspend: bool = False
    cancel: bool = False
    missed_records: MissedRecords = MissedRecords.CATCH_UP
    retries: Retries = Retries()
    failure_policy: FailurePolicy = FailurePolicy()
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    ttl_seconds_after_finished: Annotated[int, _integer(0, 2_147_483_647)] | None = None

    def window_ms(self, start_ms: int) -> int:
        """Milliseconds from `start_ms` (Unix epoch) to the end; zero or less when endTime is not after it."""
        if self.duration_seconds is not None:
            return self.duration_seconds * 1000
        return round(cast(datetime, self.end_time).timestamp() * 1000) - start_ms

    def seed_for(self, uid: UUID) -> int:
        """The seed of a run with this uid: the spec's own, else one that follows from the uid."""
        return self.seed if self.seed is not None else uid.int & MAX_SEED


# Every top-level field is in exactly one of the two; the CRD refuses changes of the first kind.
FROZEN_FIELDS = frozenset(
    {
        "scenario",
        "totalRecords",
        "startTime",
        "endTime",
        "durationSeconds",
        "distribution",
        "toleranceMilliseconds",
        "seed",
        "userId",
        "portal",
        "content",
        "records",
    }
)
CHANGEABLE_FIELDS = frozenset(
    {"suspend", "cancel", "missedRecords", "retries", "failurePolicy", "deletionPolicy", "ttlSecondsAfterFinished"}
)


def parse_spec(cr_spec: Mapping[str, Any]) -> Spec:
    """The spec of a custom resource (camelCase, as JSON) as values. Raises SpecError naming the field's path and what to do."""
    if (field := _field_with_nul("spec", cr_spec)) is not None:  # the API server takes it, Postgres can't store it
        raise SpecError(field, "holds a NUL character: remove it")
    try:
        spec = Spec.model_validate(cr_spec)
    except ValidationError as error:
        raise _spec_error(error) from None
    if broken := first_broken_rule(spec):
        raise SpecError(broken.field, broken.message)
    return spec


def _field_with_nul(path: str, value: object) -> str | None:
    """The path of the first text with U+0000 in it, keys included."""
    if isinstance(value, str):
        return path if "\x00" in value else None
    if isinstance(value, Mapping):
        inside = [(path, key) for key in value] + [(f"{path}.{key}", child) for key, child in value.items()]
    elif isinstance(value, list | tuple):
        inside = [(f"{path}.{index}", child) for index, child in enumerate(value)]
    else:
        return None
    return next((found for place, child in inside if (found := _field_with_nul(place, child)) is not None), None)


def _spec_error(error: ValidationError) -> SpecError:
    # A misspelt name comes first: it explains the required one that is missing.
    first = min(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
    field = ".".join(("spec", *(str(step) for step in first["loc"])))
    match first["type"]:
        case "missing":
            return SpecError(field, "is required: set it")
        case "extra_forbidden":
            return SpecError(field, "is not a field of a Simulation: remove it, or correct its name")
        case "value_error":
            return SpecError(field, first["msg"].removeprefix("Value error, "))
        case _:
            return SpecError(field, f"{first['msg']}, not {str(first['input'])[:80]!r}: correct it")
