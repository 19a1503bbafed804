"""The Lua by which a budget is drawn on and closed. Each script says what it guarantees; its words are ADMISSION's."""

from __future__ import annotations

from simulation_core.queue.admission import ADMISSION

# KEYS: budget. ARGV: holder, spacing, tolerance, patience, uses given back, uses wanted (0: only look).
# Guarantees: as ADMISSION. Returns what `leave` does.
DRAW = (
    ADMISSION
    + """
local it = door(KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5]))
if tonumber(ARGV[6]) > 0 then enter(it, tonumber(ARGV[6]), tonumber(ARGV[4])) end
return leave(it)
"""
)

# KEYS: budget. ARGV: why, milliseconds.
# Guarantees: nothing is given out for so long, or for as long as an earlier pause lasts. Several who meet the same refusal make one pause.
# Returns the generation.
PAUSE = (
    ADMISSION
    + """
local ends, was = now_us + tonumber(ARGV[2]) * 1000, tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
if ends > was + 1000000 then
  redis.call('HSET', KEYS[1], 'until', whole(ends), 'why', ARGV[1])
  redis.call('HINCRBY', KEYS[1], 'generation', 1)
end
redis.call('PEXPIRE', KEYS[1], FORGOTTEN_MS)
return tonumber(redis.call('HGET', KEYS[1], 'generation') or 0)
"""
)

# KEYS: budget. ARGV: holder, why, milliseconds to wait at least, and at most, failures in a row that open the circuit.
# Guarantees: so many failures in a row open the circuit, for 1 s, then after each try that failed for twice as long. What fails while it is
# open, or beside the one who tries, was under way since before and changes nothing. Returns milliseconds
# for which it is open, else 0, and the generation.
FAILED = (
    ADMISSION
    + """
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local was = redis.call('HMGET', KEYS[1], 'until', 'opens', 'trial', 'holder', 'generation')
local generation = tonumber(was[5] or 0)
local ends, opens = tonumber(was[1] or 0), tonumber(was[2] or 0)
redis.call('PEXPIRE', KEYS[1], FORGOTTEN_MS)
if opens > 0 and ends > now_us then return {math.ceil((ends - now_us) / 1000), generation} end
if opens > 0 and was[4] ~= ARGV[1] and tonumber(was[3] or 0) > now_us then return {LOOK_AGAIN_US / 1000, generation} end
if opens == 0 and failures < tonumber(ARGV[5]) then return {0, generation} end
local wait = math.max(tonumber(ARGV[3]), math.min(tonumber(ARGV[4]), 1000 * 2 ^ math.min(opens, 20)))
redis.call('HSET', KEYS[1], 'opens', opens + 1, 'until', whole(math.max(ends, now_us + wait * 1000)), 'why', ARGV[2])
redis.call('HDEL', KEYS[1], 'trial', 'holder')
return {wait, redis.call('HINCRBY', KEYS[1], 'generation', 1)}
"""
)

# KEYS: budget. ARGV: the generation in which the successful work began.
# Guarantees: only work that began after the last pause ends what that pause was for. Returns whether it did.
SERVED = """
if (redis.call('HGET', KEYS[1], 'generation') or '0') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'failures', 'opens', 'trial', 'holder', 'until', 'why')
return 1
"""
