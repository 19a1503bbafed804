"""The Lua by which workers take jobs and end them, many a call. Each script says what it guarantees.

A job that was taken is in its queue's wip zset (RQ's started registry) as `<job>:<worker>`, scored by the end of its lease in seconds. Only
who finds its own member there may end the job: one that was too slow may find that the job was offered again meanwhile, to somebody else.
RQ keeps a key for each execution besides; with many jobs a worker those keys would cost more than all the rest, and say nothing new. The
set of a worker's executions is kept.
"""

from __future__ import annotations

from simulation_core.queue.admission import ADMISSION
from simulation_core.queue.scripts import PRELUDE

_HELD = """
-- Also of what it doesn't hold any more the worker is rid.
local rid_of = {}
local function held(queue, id, worker)
  local execution = id .. ':' .. worker
  rid_of[#rid_of + 1] = execution
  return redis.call('ZREM', 'rq:wip:' .. queue, execution) == 1
end

-- What the worker is at, for RQ's tools. One whose key is gone (Redis was wiped, or it was silent for too long) registers again; half a
-- key would hide that.
local function known(worker) return redis.call('EXISTS', 'rq:worker:' .. worker) == 1 end

local function begin(worker, executions)
  if #executions == 0 or not known(worker) then return end
  redis.call('HSET', 'rq:worker:' .. worker, 'state', 'busy')
  redis.call('SADD', 'rq:worker:' .. worker .. ':executions', unpack(executions))
  redis.call('EXPIRE', 'rq:worker:' .. worker .. ':executions', 600)
end

local function finish(worker, left)
  if #rid_of > 0 then redis.call('SREM', 'rq:worker:' .. worker .. ':executions', unpack(rid_of)) end
  if left == 0 and known(worker) then redis.call('HSET', 'rq:worker:' .. worker, 'state', 'idle') end
end
"""

# Ids come and go in one text a queue, with blanks between: a client spends longer on an argument or an element each than Redis on the job.

# ARGV: worker, started_at, lease in seconds, how our data begin, queue and id of a job that was popped already (or '', ''),
# then for each queue: its name, how many at most, and a gate: key (or '': none), holder, spacing, tolerance, patience, uses given back,
# jobs a load, jobs a call, calls each, calls more.
# Guarantees: a job leaves its list in the same moment as its lease begins, so whoever offers it again finds it in one of the two. No job
# is taken for which its gate gives out nothing; one that was popped already is the first of its queue again.
# Returns the jobs of each queue in its order, those of them that aren't ours in a list of their own, and what became of each gate. What
# has no hash is dropped.
TAKE = (
    PRELUDE
    + _HELD
    + ADMISSION
    + """
local worker, started_at, ends, ours = ARGV[1], ARGV[2], string.format('%.3f', now + tonumber(ARGV[3])), ARGV[4]
local taken, others, executions, gates = {}, {}, {}, {}

local function start(queue, ids)
  local mine, members = {}, {}
  for _, id in ipairs(ids) do
    local data = redis.call('HGET', JOB .. id, 'data')
    if data then
      redis.call('HSET', JOB .. id, 'status', 'started', 'started_at', started_at, 'worker_name', worker)
      members[#members + 1] = ends
      members[#members + 1] = id .. ':' .. worker
      if string.sub(data, 1, #ours) == ours then mine[#mine + 1] = id else others[#others + 1] = {queue, id} end
      executions[#executions + 1] = id .. ':' .. worker
    end
  end
  if #members > 0 then redis.call('ZADD', 'rq:wip:' .. queue, unpack(members)) end
  taken[#taken + 1] = {queue, table.concat(mine, ' ')}
end

-- How many of the queue's jobs the gate lets through, a load after the other.
local function through(queue, most, i)
  if ARGV[i] == '' then return most end
  local it = door(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), tonumber(ARGV[i + 5]))
  local load, call, each, more = tonumber(ARGV[i + 6]), tonumber(ARGV[i + 7]), tonumber(ARGV[i + 8]), tonumber(ARGV[i + 9])
  local let, there = 0, math.min(most, redis.call('LLEN', QUEUE .. queue))
  while let < there do
    local jobs = math.min(load, there - let)
    if not enter(it, math.ceil(jobs / call) * each + more, tonumber(ARGV[i + 4])) then break end
    let = let + jobs
  end
  gates[#gates + 1] = {queue, leave(it)}
  return let
end

if ARGV[6] ~= '' then redis.call('LPUSH', QUEUE .. ARGV[5], ARGV[6]) end
for i = 7, #ARGV, 12 do
  local jobs = through(ARGV[i], tonumber(ARGV[i + 1]), i + 2)
  local ids = jobs > 0 and redis.call('LPOP', QUEUE .. ARGV[i], jobs)
  if ids then start(ARGV[i], ids) end
end
begin(worker, executions)
return {taken, others, gates}
"""
)

# ARGV: worker, how many jobs it has left, then pairs: queue, ids.
# Guarantees: a job is deleted by who holds it, once; one that was offered again meanwhile stays. Returns how many were deleted.
ACKNOWLEDGE = (
    PRELUDE
    + _HELD
    + """
local worker, done = ARGV[1], 0
for i = 3, #ARGV, 2 do
  for id in string.gmatch(ARGV[i + 1], '%S+') do
    if held(ARGV[i], id, worker) then
      redis.call('UNLINK', JOB .. id)
      done = done + 1
    end
  end
end
finish(worker, tonumber(ARGV[2]))
if done > 0 and known(worker) then redis.call('HINCRBY', 'rq:worker:' .. worker, 'successful_job_count', done) end
return done
"""
)

# ARGV: worker, how many jobs it has left, then pairs: queue, id, in the order in which they were taken.
# Guarantees: what was taken and not begun is first in its queue again, in its old order. Returns how many went back.
PUT_BACK = (
    PRELUDE
    + _HELD
    + """
local worker, back = ARGV[1], 0
for i = #ARGV - 1, 3, -2 do
  local queue, id = ARGV[i], ARGV[i + 1]
  if held(queue, id, worker) then
    redis.call('HSET', JOB .. id, 'status', 'queued')
    redis.call('HDEL', JOB .. id, 'started_at', 'worker_name')
    redis.call('LPUSH', QUEUE .. queue, id)
    back = back + 1
  end
end
finish(worker, tonumber(ARGV[2]))
return back
"""
)

# KEYS: zset. ARGV: wake channel, worker, how many jobs it has left, data without arguments, then triples: queue, id, milliseconds from now.
# Guarantees: a job's started state ends in the same moment as it is scheduled again, under the same id; one that was offered again
# meanwhile stays as it is. Returns how many were scheduled.
GIVE_BACK = (
    PRELUDE
    + _HELD
    + """
local zset, channel, worker, data, back = KEYS[1], ARGV[1], ARGV[2], ARGV[4], 0
local before = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2]
for i = 5, #ARGV, 3 do
  local queue, id = ARGV[i], ARGV[i + 1]
  if held(queue, id, worker) then
    redis.call('DEL', JOB .. id)
    scheduled(JOB .. id, queue, data)
    redis.call('ZADD', zset, string.format('%.3f', now + tonumber(ARGV[i + 2]) / 1000), id)
    back = back + 1
  end
end
finish(worker, tonumber(ARGV[3]))
wake(zset, channel, before)
return back
"""
)
