"""Lengths of time in the words people read."""

from __future__ import annotations

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms"))


def in_words(milliseconds: int) -> str:
    """The two largest units that say something, rounded down: "12 min 3 s", "2 d 4 h", "850 ms". `milliseconds` is not negative."""
    left, parts = milliseconds, []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        parts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts) - 1)
    last = min(len(parts), first + 2)
    return " ".join(f"{count} {unit}" for count, unit in parts[first:last] if count) or "0 ms"
