"""Pictures as inline SVG. Colours come from the page's style sheet, so they follow light, dark and paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulation_cli.drawing import Timeline
from simulation_cli.report.markup import Markup, element
from simulation_core.durations import in_words

WIDTH, HEIGHT = 920, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 52, 14, 44
BASE, ROOM, ACROSS = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP, WIDTH - LEFT - RIGHT
TICKS = 4


def planned_and_delivered(planned: Timeline, delivered: Timeline) -> Markup:
    """A bar of what was delivered within an outline of what was planned, and the running totals of both."""
    highest = round_up(max(1, *planned.counts, *delivered.counts))
    total = max(1, sum(planned.counts))
    return element(
        "svg",
        element("title", "Records planned and delivered over time"),
        _grid(highest),
        _percents(),
        [_bar(index, len(planned.counts), count, highest) for index, count in enumerate(delivered.counts) if count],
        element("path", d=_steps(planned.counts, highest), class_="planned"),
        element("path", d=_running(planned.counts, total), class_="total planned-total"),
        element("path", d=_running(_until_the_last(delivered.counts), total), class_="total delivered-total"),
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=BASE, y2=BASE, class_="axis"),
        _times(planned),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
    )


def lateness(p50_ms: int, p99_ms: int, tolerance_ms: int) -> Markup:
    """Where half and 99 % of the records lie, on one scale with the tolerance that batching alone may use up."""

    def place(value: int) -> float:
        return round(LEFT + max(0, value) / longest * ACROSS, 1)

    height, longest = 74, round_up(max(1, p50_ms, p99_ms, tolerance_ms))
    return element(
        "svg",
        element("title", "Lateness of records"),
        element("rect", x=LEFT, y=30, width=ACROSS, height=12, rx=6, class_="track"),
        element("rect", x=LEFT, y=30, width=round(place(tolerance_ms) - LEFT, 1), height=12, rx=6, class_="tolerated"),
        _mark(place(p50_ms), f"half: {in_words(max(0, p50_ms))}", above=True),
        _mark(place(p99_ms), f"99 %: {in_words(max(0, p99_ms))}", above=False),
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
    )


def shares(parts: Sequence[tuple[str, int]]) -> Markup:
    """One line of all records, by what became of them; each part is named by the class of its colour."""
    total, x, drawn = max(1, sum(count for _, count in parts)), 0.0, []
    for name, count in parts:
        width = count / total * WIDTH
        drawn.append(element("rect", x=round(x, 2), y=0, width=round(width, 2), height=18, class_=name))
        x += width
    return element(
        "svg",
        element("title", "Records by outcome"),
        drawn,
        viewBox=f"0 0 {WIDTH} 18",
        role="img",
        preserveAspectRatio="none",
        class_="shares",
    )


def _mark(x: float, label: str, *, above: bool) -> list[Markup]:
    """A label that would leave the picture is set before its mark."""
    anchor = "end" if x > WIDTH - RIGHT - 110 else "start" if x < LEFT + 60 else "middle"
    y = 20 if above else 62
    return [element("line", x1=x, x2=x, y1=26, y2=46, class_="mark"), element("text", label, x=x, y=y, text_anchor=anchor)]


def _bar(index: int, of: int, count: int, highest: int) -> Markup:
    left, right, top = _x(index / of), _x((index + 1) / of), _y(count / highest)
    return element("rect", x=round(left + 0.5, 1), y=top, width=round(right - left - 1, 1), height=round(BASE - top, 1), class_="delivered")


def _steps(counts: Sequence[int], highest: int) -> str:
    steps = "".join(f"V{_y(count / highest)}H{_x((index + 1) / len(counts))}" for index, count in enumerate(counts))
    return f"M{LEFT} {BASE}{steps}V{BASE}"


def _running(counts: Sequence[int], total: int, *, of: int = 40) -> str:
    points, until = [f"M{LEFT} {BASE}"], 0
    for index, count in enumerate(counts):
        until += count
        points.append(f"L{_x((index + 1) / max(of, len(counts)))} {_y(min(1.0, until / total))}")
    return "".join(points)


def _until_the_last(counts: Sequence[int]) -> Sequence[int]:
    """A running total that goes on level would say that nothing came, where in truth nothing is known yet."""
    last = max((index for index, count in enumerate(counts) if count), default=-1)
    return counts[: last + 1]


def _grid(highest: int) -> Iterator[Markup]:
    for step in range(TICKS + 1):
        y = _y(step / TICKS)
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid")
        if highest * step % TICKS == 0:
            yield element("text", f"{highest * step // TICKS:,}", x=LEFT - 8, y=y + 4, text_anchor="end")


def _percents() -> Iterator[Markup]:
    for step in (0, 2, 4):
        yield element("text", f"{100 * step // TICKS} %", x=WIDTH - RIGHT + 8, y=_y(step / TICKS) + 4)


def _times(timeline: Timeline) -> Iterator[Markup]:
    """Start, quarters and end, with the day under each that begins another."""
    day = ""
    for step in range(TICKS + 1):
        moment = timeline.start_ms + (timeline.end_ms - timeline.start_ms) * step / TICKS
        x, anchor = _x(step / TICKS), ("start", "middle", "middle", "middle", "end")[step]
        yield element("line", x1=x, x2=x, y1=BASE, y2=BASE + 5, class_="axis")
        yield element("text", timeline.time_of_day(moment), x=x, y=BASE + 19, text_anchor=anchor)
        if timeline.day(moment) != day:
            day = timeline.day(moment)
            yield element("text", day, x=x, y=BASE + 35, text_anchor=anchor)


def _x(share: float) -> float:
    return round(LEFT + share * ACROSS, 1)


def _y(share: float) -> float:
    return round(BASE - share * ROOM, 1)


def round_up(value: int) -> int:
    """To the next 1, 2, 4, 5 or 8 with noughts, so that the scale can be read."""
    power = int("1" + "0" * (len(str(value)) - 1))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value)
