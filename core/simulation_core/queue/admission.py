"""Admission: work is taken off a queue only as far as what it will use is free. One hash a budget, shared by all who draw on it.

GCRA (ITU-T I.371, the virtual scheduling form): a burst, then an even rate. Its whole state is `tat`, the moment by which everything
given out so far is due at the even rate. So a reservation for several uses is one addition, and says when each of them may begin. Times are
Redis's own, in whole microseconds, one clock for everybody; what leaves a script is relative to it.

A budget that isn't there starts empty, not full: Redis may have been wiped a moment after a burst. What else the hash holds is why nothing
is given out: `until` and `why` (a pause), `failures`, `opens` and `trial` (a circuit breaker: after `until` one holder may try, until its
`trial` ends or it says how it went), and `generation`, which every pause raises: who began before one can't say that it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TRIAL_SECONDS = 60  # how long a holder that tries and never says how it went keeps others from trying
LOOK_AGAIN_SECONDS = 1  # while another one tries
FORGOTTEN_DAYS = 2  # longer than any pause

# Guarantees, as part of any script: a use is given out once; none while a pause lasts; one holder alone tries after a circuit was open.
ADMISSION = f"""
local clock = redis.call('TIME')
local now_us = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local TRIAL_US, LOOK_AGAIN_US, FORGOTTEN_MS = {TRIAL_SECONDS * 1_000_000}, {LOOK_AGAIN_SECONDS * 1_000_000}, {FORGOTTEN_DAYS * 86_400_000}

local function whole(number) return string.format('%.0f', number) end

-- What stands in the hash; nothing is written yet. `given_back`: uses that were given out and not needed.
local function door(key, holder, spacing, tolerance, given_back)
  local was = redis.call('HMGET', key, 'tat', 'until', 'why', 'failures', 'opens', 'trial', 'holder', 'generation')
  local it = {{key = key, holder = holder, spacing = spacing, tolerance = tolerance, uses = 0, wait = 0, first = 0,
    why = was[3] or '', opens = tonumber(was[5] or 0), generation = tonumber(was[8] or 0)}}
  it.troubled = it.opens > 0 or was[4] or was[3]
  if was[1] then it.tat = tonumber(was[1]) - given_back * spacing else it.tat = now_us + tolerance end
  if tonumber(was[2] or 0) > now_us then
    it.shut = tonumber(was[2]) - now_us
  elseif it.opens > 0 then
    if was[7] ~= holder and tonumber(was[6] or 0) > now_us then it.shut = LOOK_AGAIN_US else it.trying = true end
  end
  return it
end

-- Gives out so many uses, if the first of them needs to wait for no longer than `patience`. Who tries gets one piece of work.
local function enter(it, uses, patience)
  if it.shut or (it.trying and it.uses > 0) then return false end
  local base = math.max(it.tat, now_us)
  local wait = base - it.tolerance - now_us
  if wait > patience then
    it.wait = wait - patience
    return false
  end
  if it.uses == 0 then it.first = wait end
  it.uses, it.tat = it.uses + uses, base + uses * it.spacing
  return true
end

-- Writes it down. Returns: uses, microseconds until the first of them, until it is worth asking again, and how things stand.
local function leave(it)
  redis.call('HSET', it.key, 'tat', whole(it.tat))
  if it.trying and it.uses > 0 then redis.call('HSET', it.key, 'holder', it.holder, 'trial', whole(now_us + TRIAL_US)) end
  redis.call('PEXPIRE', it.key, FORGOTTEN_MS)
  local troubled, trying = it.troubled and 1 or 0, it.trying and 1 or 0
  return {{it.uses, whole(it.first), whole(it.wait), whole(it.shut or 0), it.why, it.generation, troubled, trying}}
end
"""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Before a queue: whose budget its work draws on, and how much a piece of it uses."""

    key: str
    holder: str
    spacing_us: float  # between two uses at the even rate
    tolerance_us: float  # the burst, as time
    patience_us: int  # work is taken if it can begin within this
    given_back: int  # uses given out earlier and not needed
    jobs_a_load: int  # how many jobs make one piece of work
    jobs_a_call: int  # how many of them share a use
    calls_each: int  # uses for each of those groups
    calls_more: int  # and once for the whole piece


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What a gate let through, and how things stand there. Times are from the moment of the answer."""

    uses: int = 0
    first_us: int = 0  # when the first use may begin, the others follow at the even rate; negative by as much as there was left of a burst
    wait_us: int = 0  # until the next piece of work can be taken
    shut_us: int = 0  # nothing is given out for so long, because of
    why: str = ""
    generation: int = 0
    troubled: bool = False  # it should hear of a success
    trying: bool = False  # this holder tries whether things are well again


def parse_admission(answer: Sequence[Any]) -> Admission:
    """What `leave` returns."""
    uses, first, wait, shut, why, generation, troubled, trying = answer
    return Admission(
        uses=int(uses),
        first_us=int(first),
        wait_us=int(wait),
        shut_us=int(shut),
        why=why.decode(),
        generation=int(generation),
        troubled=bool(troubled),
        trying=bool(trying),
    )
