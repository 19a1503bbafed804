"""The rules of a spec that need more than one field, in the order they are judged; each equals a CEL rule of crds/simulation.yaml.

The second half says what this version doesn't do yet. A rule there is removed, here and in the CRD, with the issue that implements it:
rules are only ever loosened, because an object that breaks a newer rule could no longer be suspended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation_core import zones

if TYPE_CHECKING:
    from simulation_core.spec import Spec


@dataclass(frozen=True)
class Rule:
    field: str
    broken: Callable[[Spec], bool]
    message: str


def first_broken_rule(spec: Spec) -> Rule | None:
    return next((rule for rule in (*ALWAYS, *NOT_IN_THIS_VERSION) if rule.broken(spec)), None)


def _member_without_method(member: str, method: str) -> Rule:
    attribute = "".join("_" + letter.lower() if letter.isupper() else letter for letter in member)
    return Rule(
        f"spec.distribution.{member}",
        lambda spec: getattr(spec.distribution, attribute) is not None and spec.distribution.method != method,
        f"belongs to method {method}: remove it, or set method: {method}",
    )


def _more_records_than_milliseconds(spec: Spec) -> bool:
    if spec.end_time is not None and spec.start_time is not None:
        return spec.total_records > (spec.end_time - spec.start_time).total_seconds() * 1000
    return spec.duration_seconds is not None and spec.total_records > spec.duration_seconds * 1000


def _points_are_out_of_order(spec: Spec) -> bool:
    custom = spec.distribution.custom
    percents = [point.percent for point in custom.points] if custom else []
    return percents != sorted(percents)


def _points_have_no_weight(spec: Spec) -> bool:
    custom = spec.distribution.custom
    return custom is not None and not any(point.weight for point in custom.points)


TOO_MANY_RECORDS = Rule(
    "spec.totalRecords",
    _more_records_than_milliseconds,
    "more records than milliseconds in the window: lower totalRecords, or lengthen the window",
)
ALWAYS = (
    Rule(
        "spec.endTime",
        lambda spec: (spec.end_time is None) == (spec.duration_seconds is None),
        "set exactly one of endTime and durationSeconds",
    ),
    Rule(
        "spec.endTime",
        lambda spec: spec.start_time is not None and spec.end_time is not None and spec.end_time <= spec.start_time,
        "must be after startTime: move one of them",
    ),
    TOO_MANY_RECORDS,
    Rule(
        "spec.distribution.timeZone",
        lambda spec: spec.distribution.time_zone not in zones.names(),
        "is not a time zone this installation knows: use an IANA name such as Europe/Berlin",
    ),
    _member_without_method("bellCurve", "BellCurve"),
    _member_without_method("frontLoaded", "FrontLoaded"),
    _member_without_method("backLoaded", "BackLoaded"),
    _member_without_method("bursts", "Bursts"),
    _member_without_method("trickle", "Trickle"),
    _member_without_method("dailySpike", "DailySpike"),
    _member_without_method("weekendSurge", "WeekendSurge"),
    _member_without_method("custom", "Custom"),
    Rule(
        "spec.distribution.custom",
        lambda spec: spec.distribution.method == "Custom" and spec.distribution.custom is None,
        "method Custom needs distribution.custom.points: add at least two",
    ),
    Rule(
        "spec.distribution.custom.points",
        _points_are_out_of_order,
        "must be in rising order of percent: sort them",
    ),
    Rule(
        "spec.distribution.custom.points",
        _points_have_no_weight,
        "all weights are 0, so no record has a place: raise one",
    ),
    Rule(
        "spec.distribution.workingTime.endHour",
        lambda spec: (time := spec.distribution.working_time) is not None and time.end_hour <= time.start_hour,
        "must be after startHour: raise endHour or lower startHour",
    ),
    Rule(
        "spec.records.contactsPerCompany",
        lambda spec: spec.records.contacts_per_company.min > spec.records.contacts_per_company.max,
        "min must not exceed max: lower min or raise max",
    ),
)

NOT_IN_THIS_VERSION = (
    Rule(
        "spec.content.source",
        lambda spec: spec.content.source == "OpenAI",
        "OpenAI is not in this version: use Faker",
    ),
    Rule(
        "spec.records.deals.percent",
        lambda spec: spec.records.deals.percent > 0,
        "deals are not in this version: set percent to 0",
    ),
    Rule(
        "spec.records.ownerIds",
        lambda spec: len(spec.records.owner_ids) > 0,
        "owners are not in this version: remove ownerIds",
    ),
    Rule(
        "spec.records.properties",
        lambda spec: any((spec.records.properties.companies, spec.records.properties.contacts, spec.records.properties.deals)),
        "properties of your own are not in this version: remove them",
    ),
)
