"""The processes' log lines: what is in one, and which speak of a Simulation. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from uuid import UUID

from simulation_core.clock import iso_ms

# As simulation_core.logging writes them; its fields come in this order.
_LINE = re.compile(r'time=(?P<time>\S+) level=(?P<level>\S+) logger=(?P<logger>\S+) message="(?P<message>.*)"')
_ESCAPED = re.compile(r"\\(.)")
LONG_AGO = iso_ms(0)


def fields(line: str) -> dict[str, str]:
    """time, level, logger and message; a line that isn't ours has only a message."""
    match = _LINE.fullmatch(line)
    if match is None:
        return {"message": line}
    message = _ESCAPED.sub(lambda escaped: "\n" if escaped[1] == "n" else escaped[1], match["message"])
    return {**match.groupdict(), "message": message}


def speaks_of(namespace: str, name: str, uid: UUID) -> re.Pattern[str]:
    """Matches where the Simulation is named: the operator writes namespace/name, the workers the uid."""
    return re.compile(rf"(?<![\w.-])(?:{re.escape(f'{namespace}/{name}')}(?!\.?[\w-])|{uid}(?![\w]))")


def times(lines: Iterable[str]) -> list[str]:
    """For sorting the lines of several pods: each line's own time; one without any belongs to the line before it."""
    found, last = [], LONG_AGO
    for line in lines:
        last = fields(line).get("time", last)
        found.append(last)
    return found
