"""A bar chart as SVG, small and the same to the byte for the same counts: whole pixels, no ids, no dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from simulation_cli.drawing import Timeline
from simulation_core.clock import to_ms

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 26, 28
DAY_MS = 86_400_000
STYLE = "text{font:12px sans-serif;fill:#444}.b{fill:#4c88c2}.g{stroke:#ddd}.a{stroke:#444}"


def chart(timeline: Timeline, title: str) -> str:
    base, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    highest = max(timeline.counts)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="16">records in each {timeline.bucket_in_words}</text>',
        *_grid(highest, base, room),
        f'<path class="b" d="{_bars(timeline.counts, base, room)}"/>',
        f'<path class="a" d="M{LEFT} {base}H{WIDTH - RIGHT}"/>',
        *_ticks(timeline, base),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bars(counts: tuple[int, ...], base: int, room: int) -> str:
    """One outline for all."""
    highest = max(counts)
    edges = [_across(index / len(counts)) for index in range(1, len(counts) + 1)]
    tops = [round(base - count * room / highest, 1) for count in counts]
    return f"M{LEFT} {base}" + "".join(f"V{top:g}H{edge:g}" for top, edge in zip(tops, edges, strict=True)) + f"V{base}Z"


def _across(position: float) -> float:
    return round(LEFT + position * (WIDTH - LEFT - RIGHT), 1)


def _grid(highest: int, base: int, room: int) -> Iterator[str]:
    for share in (1, 2):
        y = base - room // share
        yield f'<path class="g" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
        if highest % share == 0:
            yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{highest // share}</text>'
    yield f'<text x="{LEFT - 6}" y="{base + 4}" text-anchor="end">0</text>'


def _ticks(timeline: Timeline, base: int) -> Iterator[str]:
    """Six hours apart in a single day, with the time of each; else at each local midnight, with the days' names between them."""
    by_hours = timeline.end_ms - timeline.start_ms <= DAY_MS
    for moment in _moments(timeline, timedelta(hours=6) if by_hours else timedelta(days=1)):
        x = _place(timeline, moment)
        yield f'<path class="a" d="M{x:g} {base}v5"/>'
        if by_hours:
            anchor = "end" if x > WIDTH - RIGHT - 20 else "middle"
            yield f'<text x="{x:g}" y="{base + 19}" text-anchor="{anchor}">{moment:%H:%M}</text>'
        elif to_ms(moment) < timeline.end_ms:
            noon = _place(timeline, moment + timedelta(hours=12))
            yield f'<text x="{noon:g}" y="{base + 19}" text-anchor="middle">{timeline.day(to_ms(moment))}</text>'


def _place(timeline: Timeline, moment: datetime) -> float:
    return _across((to_ms(moment) - timeline.start_ms) / (timeline.end_ms - timeline.start_ms))


def _moments(timeline: Timeline, step: timedelta) -> Iterator[datetime]:
    """By the clock on the wall: a day in which it is changed is longer or shorter."""
    moment = timeline.local(timeline.start_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    while to_ms(moment) <= timeline.end_ms:
        if to_ms(moment) >= timeline.start_ms:
            yield moment
        moment += step
