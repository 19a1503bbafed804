"""What is said of each method, and the spec it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

DAY = """\
scenario: B2C
totalRecords: {records}
startTime: "2026-12-01T00:00:00Z"
endTime: "2026-12-02T00:00:00Z"
"""
WEEK = """\
scenario: B2C
totalRecords: {records}
startTime: "2026-11-30T00:00:00+01:00"
endTime: "2026-12-07T00:00:00+01:00"
"""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One section of the page. `spec` is YAML, shown as it stands and drawn."""

    title: str
    picture: str  # the SVG's name without its ending
    use: str
    formula: str
    spec: str
    member: str | None  # the member of spec.distribution whose parameters are listed


def on_one_day(distribution: str, records: int = 100_000) -> str:
    return DAY.format(records=records) + distribution


def in_one_week(distribution: str, records: int = 100_000) -> str:
    return WEEK.format(records=records) + distribution


EXAMPLES = (
    Example(
        title="Linear",
        picture="Linear",
        use="An even pace. For load that should not vary, and wherever the shape doesn't matter; the default.",
        formula="f(u) = 1",
        member=None,
        spec=on_one_day("distribution: {method: Linear}"),
    ),
    Example(
        title="BellCurve",
        picture="BellCurve",
        use="Interest that builds up, peaks and ebbs: a campaign, a conference.",
        formula="f(u) ∝ exp(−(u − μ)² / 2σ²), with μ = peakPercent/100 and σ = spreadPercent/100, cut off at the window's ends",
        member="bellCurve",
        spec=on_one_day("distribution:\n  method: BellCurve\n  bellCurve: {peakPercent: 60, spreadPercent: 15}"),
    ),
    Example(
        title="FrontLoaded",
        picture="FrontLoaded",
        use="Most of it at once and ever less afterwards: answers to a mailing, the days after a launch.",
        formula="f(u) ∝ e^(−ku), with k = steepnessPercent/100",
        member="frontLoaded",
        spec=on_one_day("distribution:\n  method: FrontLoaded\n  frontLoaded: {steepnessPercent: 300}"),
    ),
    Example(
        title="BackLoaded",
        picture="BackLoaded",
        use="Ever more towards the end: registrations before a deadline.",
        formula="f(u) ∝ e^(ku), with k = steepnessPercent/100",
        member="backLoaded",
        spec=on_one_day("distribution:\n  method: BackLoaded\n  backLoaded: {steepnessPercent: 300}"),
    ),
    Example(
        title="Bursts",
        picture="Bursts",
        use="Rushes with quiet between them: list imports, webinars. It shows how workflows cope with peaks.",
        formula=(
            "f(u) ∝ b + (1 − b) · r(u), with b = backgroundPercent/100 and r even on count stretches of widthPercent "
            "centred at (j + ½)/count, 0 elsewhere"
        ),
        member="bursts",
        spec=on_one_day("distribution:\n  method: Bursts\n  bursts: {count: 5, widthPercent: 5, backgroundPercent: 10}"),
    ),
    Example(
        title="Trickle",
        picture="Trickle",
        use="A steady stream that doesn't look like clockwork: one now and then, never two at once.",
        formula="record i at (i + ½ + j·(r − ½))/n, with j = jitterPercent/100 and r drawn from 0 … 1 for each record by the seed",
        member="trickle",
        spec=on_one_day("distribution:\n  method: Trickle\n  trickle: {jitterPercent: 80}\nseed: 42", records=60),
    ),
    Example(
        title="Random",
        picture="Random",
        use="Independent visitors: clusters and gaps as chance has them (given their number, a Poisson process).",
        formula="n draws from 0 … 1 by the seed, sorted",
        member=None,
        spec=on_one_day("distribution: {method: Random}\nseed: 42", records=60),
    ),
    Example(
        title="DailySpike",
        picture="DailySpike",
        use="The same rush hour every day, such as a newsletter that goes out at nine.",
        formula=("f(t) ∝ b + (1 − b) · Σ exp(−(t − hour)² / 2σ²) over the local days, with b = backgroundPercent/100 and σ = widthMinutes"),
        member="dailySpike",
        spec=in_one_week(
            "distribution:\n  method: DailySpike\n  dailySpike: {hour: 9, widthMinutes: 60, backgroundPercent: 20}\n"
            "  timeZone: Europe/Berlin"
        ),
    ),
    Example(
        title="WeekendSurge",
        picture="WeekendSurge",
        use="Consumers who have time on Saturday and Sunday; with a factor below 100, an office that rests then.",
        formula="f(t) ∝ factorPercent/100 on local Saturdays and Sundays, 1 on other days",
        member="weekendSurge",
        spec=in_one_week("distribution:\n  method: WeekendSurge\n  weekendSurge: {factorPercent: 300}\n  timeZone: Europe/Berlin"),
    ),
    Example(
        title="BusinessHours",
        picture="BusinessHours",
        use="A sales team at work: an even pace in office hours, nothing at night, at weekends and on holidays.",
        formula="f(t) ∝ 1 in working time, 0 outside",
        member="workingTime",
        spec=in_one_week(
            'distribution:\n  method: BusinessHours\n  workingTime: {startHour: 9, endHour: 17, holidays: ["2026-12-03"]}\n'
            "  timeZone: Europe/Berlin"
        ),
    ),
    Example(
        title="Custom",
        picture="Custom",
        use="A shape of your own, such as one measured in the production account.",
        formula="f(u) ∝ the straight lines between the points (percent, weight), 0 before the first and after the last",
        member="custom",
        spec=on_one_day(
            "distribution:\n  method: Custom\n  custom:\n    points:\n    - {percent: 0, weight: 1}\n    - {percent: 30, weight: 8}\n"
            "    - {percent: 50, weight: 3}\n    - {percent: 75, weight: 10}\n    - {percent: 100, weight: 0}"
        ),
    ),
    Example(
        title="Any method in working time",
        picture="BellCurve-workingTime",
        use="`workingTime` may stand beside any method: outside working time the density is 0, and all records fall into what is left.",
        formula="f(t) ∝ the method's density in working time, 0 outside",
        member="workingTime",
        spec=in_one_week("distribution:\n  method: BellCurve\n  workingTime: {startHour: 8, endHour: 18}\n  timeZone: Europe/Berlin"),
    ),
)
