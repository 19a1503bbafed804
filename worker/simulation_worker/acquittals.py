"""Refusals that were not the portal's fault: it was read after they came, and had all. For a while others in the same words aren't either.

With one bad record in a hundred each load has one, and each would read the portal anew, one after the other. So a portal is read once in
five seconds for each kind of bad record. It gives up this much: should the portal lose something within those five seconds, and HubSpot
refuse what needs it in the very words in which it refuses bad records anyway, then these fail. In other words, or together with its call
or with all others of its batch, what is refused waits as ever.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

from simulation_worker.crm.fates import Rejected

GOOD_FOR_SECONDS = 5.0
TELLS_RECORDS_APART = re.compile(r"[\w.+@-]*\d[\w.+@-]*")  # keys and what is made of them, e-mails, phone numbers


class Acquittals:
    """Of one portal, for all its slots. Moments are the monotonic clock's."""

    def __init__(self) -> None:
        self._met_s: dict[str, float] = {}  # by a refusal's words: when the one came that the portal was read for
        self._lock = threading.Lock()

    def add(self, rejected: Iterable[Rejected], answered_s: float) -> None:
        """After this answer the portal had all that their run wants."""
        with self._lock:
            lasting = {words: met_s for words, met_s in self._met_s.items() if met_s >= answered_s - GOOD_FOR_SECONDS}
            self._met_s = {**lasting, **dict.fromkeys(map(_words, rejected), answered_s)}

    def since_s(self, rejected: Iterable[Rejected], answered_s: float) -> float | None:
        """What was read since then is good enough to say that the portal lacks nothing. None: it has to be read after the answer."""
        with self._lock:
            met_s = [self._met_s.get(words) for words in set(map(_words, rejected))]
        known_s = [each for each in met_s if each is not None and each >= answered_s - GOOD_FOR_SECONDS]
        return max(known_s) if known_s and len(known_s) == len(met_s) else None


def _words(fate: Rejected) -> str:
    """Alike for records that are bad alike."""
    return TELLS_RECORDS_APART.sub("…", fate.message)
