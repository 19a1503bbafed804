"""Specs of which most are wrong in some way, one or two faults at a time: what people and programs might send."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from simulation_core.spec import Method

NONSENSE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=True),
    st.text(max_size=12),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nineteen in twenty as they should be, so that faults come one at a time and deep ones are reached."""
    return st.integers(0, 19).flatmap(lambda number: NONSENSE if number == 0 else good)


def parts(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {name: mostly(value) for name, value in required.items()}, optional={name: mostly(value) for name, value in optional.items()}
    )


PERCENT = st.integers(-1, 101)
HOUR = st.integers(-1, 25)
DAYS = st.lists(st.sampled_from(["Monday", "Saturday", "Sunday", "Someday"]), max_size=8)
DATES = st.lists(st.sampled_from(["2027-03-24", "2027-02-30", "today", "2027-13-01"]), max_size=3)
MEMBERS = {
    "bellCurve": parts({}, {"peakPercent": PERCENT, "spreadPercent": PERCENT}),
    "frontLoaded": parts({}, {"steepnessPercent": st.integers(0, 10_001)}),
    "backLoaded": parts({}, {"steepnessPercent": st.integers(0, 10_001)}),
    "bursts": parts({}, {"count": st.integers(0, 1001), "widthPercent": PERCENT, "backgroundPercent": PERCENT}),
    "trickle": parts({}, {"jitterPercent": PERCENT}),
    "dailySpike": parts({}, {"hour": HOUR, "widthMinutes": st.integers(0, 1441), "backgroundPercent": PERCENT}),
    "weekendSurge": parts({}, {"factorPercent": st.integers(-1, 10_001)}),
    "custom": parts({"points": st.lists(parts({"percent": PERCENT, "weight": st.integers(-1, 9)}, {}), max_size=6)}, {}),
}
WORKING_TIME = parts({}, {"days": DAYS, "startHour": HOUR, "endHour": HOUR, "holidays": DATES})
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "America/Havana", "Mars/Olympus", "../etc", "Etc/GMT+12"])


@st.composite
def some_distributions(draw: st.DrawFn) -> dict[str, Any]:
    method = draw(st.sampled_from([*(method.value for method in Method), "Sawtooth"]))
    member = method[:1].lower() + method[1:]
    spec: dict[str, Any] = {"method": method}
    if member in MEMBERS and draw(st.integers(0, 3)):
        spec[member] = draw(mostly(MEMBERS[member]))
    if not draw(st.integers(0, 9)):
        other = draw(st.sampled_from(sorted(MEMBERS)))
        spec[other] = draw(MEMBERS[other])
    if draw(st.booleans()):
        spec["workingTime"] = draw(mostly(WORKING_TIME))
    if draw(st.booleans()):
        spec["timeZone"] = draw(mostly(ZONES))
    return spec


MOMENTS = st.sampled_from(
    [
        "2027-03-24T00:00:00Z",
        "2027-03-27T12:00:00+01:00",
        "2027-04-02T00:00:00.123Z",
        "2099-12-31T23:59:59-14:00",
        "2027-02-30T00:00:00Z",
        "now",
    ]
)
SPECS = parts(
    {"scenario": st.sampled_from(["B2B", "B2C"]), "totalRecords": st.integers(0, 300), "distribution": some_distributions()},
    {
        "startTime": MOMENTS,
        "endTime": MOMENTS,
        "durationSeconds": st.sampled_from([0, 1, 60, 86_400, 1_209_600]),
        "toleranceMilliseconds": st.sampled_from([-1, 0, 1, 1000, 86_400_000]),
        "seed": st.integers(-1, 2**53),
        "missedRecords": st.sampled_from(["CatchUp", "Later"]),
        "records": parts({}, {"contactsPerCompany": parts({}, {"min": st.integers(-1, 5), "max": st.integers(-1, 101)})}),
        "toleranceMillis": st.integers(),
    },
)

# What doesn't shape the plan. A run may be born suspended or cancelled, and name a portal nobody knows.
_WIDER = {
    "userId": st.sampled_from(["6f1c2a55-0000-4222-8333-444455556666", "nobody", ""]),
    "portal": st.sampled_from(["default", "default", "default", "elsewhere", "Not A Name", "x" * 64]),
    "content": parts(
        {},
        {
            "source": st.sampled_from(["Faker", "Faker", "Faker", "OpenAI", "Magic"]),
            "theme": st.one_of(st.text(max_size=20), st.just("wind\x00energy")),
            "locale": st.sampled_from(["en_US", "de_DE", "xx_XX", "en-US"]),
            "maxTokens": st.integers(-1, 10**9),
        },
    ),
    "retries": parts({}, {"limit": st.integers(-1, 101)}),
    "failurePolicy": parts({}, {"maxFailedPercent": PERCENT, "stopEarly": st.booleans()}),
    "deletionPolicy": st.sampled_from(["Retain", "Retain", "Retain", "Archive", "Shred"]),
    "ttlSecondsAfterFinished": st.integers(-1, 2**31),
    "suspend": st.booleans(),
    "cancel": st.booleans(),
}


@st.composite
def some_wider_specs(draw: st.DrawFn) -> Any:
    """A spec with one or two of these fields besides: all of them at once would hardly ever be right. In two of three cases the slips that
    nearly every such spec has are mended, so that what comes after the first checks is reached as well."""
    spec = draw(SPECS)
    names = draw(st.lists(st.sampled_from(sorted(_WIDER)), max_size=2, unique=True))
    wider = {**spec, **{name: draw(mostly(_WIDER[name])) for name in names}}
    return _mended(wider) if draw(st.integers(0, 2)) else wider


def _mended(spec: dict[str, Any]) -> dict[str, Any]:
    window = {"endTime": spec["endTime"]} if "endTime" in spec and "startTime" not in spec else {"durationSeconds": 86_400}
    left_out = {"toleranceMillis", "endTime", "durationSeconds"}
    return {**{name: value for name, value in spec.items() if name not in left_out}, **window}
