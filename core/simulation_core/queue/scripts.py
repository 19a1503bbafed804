"""The Lua that runs inside Redis, where nothing comes between its commands. Each script says what it guarantees.

They use rq-scheduler's zset and RQ's own keys and fields, so that RQ's tools read what is here. Key names are built from ids inside the
scripts: a single Redis (with replicas) is meant, not a cluster.

Times: scores are seconds since the epoch with three decimals (rq-scheduler's unit). Now is the server's TIME, one clock for all replicas.
"""

from __future__ import annotations

PRELUDE = """
local JOB, QUEUE, OURS = 'rq:job:', 'rq:queue:', '^(.*)-(%d+)-(%d+)$'
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

-- While it is only scheduled a job has two short fields, for there may be very many: what it does and for which portal, from which its
-- queue and its function follow, and its status. Ids, function and queue in full join it in the queue.
local SHORT = '^%["(%l+)%.([%w-]+)",null,%[%],{}%]$'
local function short(kind, portal) return '["' .. kind .. '.' .. portal .. '",null,[],{}]' end
local function full(module, kind) return '["' .. module .. '.' .. kind .. '",null,[],{}]' end

-- A scheduled job that was under way before: it keeps what it had.
local function scheduled(key, queue, data)
  redis.call('HSET', key, 'data', data, 'origin', queue, 'status', 'scheduled')
end

-- Its arguments, which its id says, join it in the queue. No time limit: each of our calls has a deadline of its own. No result is kept,
-- and a failure for an hour instead of RQ's year.
local function queued(id, queue, data, enqueued_at, failure_ttl)
  local name, batch, attempt = string.match(id, OURS)
  local arguments = '["' .. string.sub(name, -36) .. '",' .. batch .. ',' .. attempt .. ']'
  redis.call('HSET', JOB .. id, 'data', (string.gsub(data, '%[%]', arguments, 1)), 'origin', queue, 'status', 'queued',
    'enqueued_at', enqueued_at, 'timeout', '-1', 'result_ttl', '0', 'failure_ttl', failure_ttl)
end

local function push(queue, ids)
  redis.call('SADD', 'rq:queues', QUEUE .. queue)
  redis.call('RPUSH', QUEUE .. queue, unpack(ids))
end

-- How many more jobs a queue takes; nil where it has no ceiling. Ceilings come as pairs in ARGV: queue, ceiling, from `first` on.
local function rooms(first, last)
  local room = {}
  for i = first, last, 2 do room[ARGV[i]] = tonumber(ARGV[i + 1]) - redis.call('LLEN', QUEUE .. ARGV[i]) end
  return room
end

-- RQ 3 keeps a lease for each execution of a job: a member job:execution of the queue's wip zset, scored by its end. Our workers name
-- their execution like themselves, and keep no key for it.
local function under_way(id, queue)
  local worker = redis.call('HGET', JOB .. id, 'worker_name')
  local held = worker and redis.call('ZSCORE', 'rq:wip:' .. queue, id .. ':' .. worker)
  if held and tonumber(held) > now then return true end
  for _, execution in ipairs(redis.call('ZRANGE', 'rq:executions:' .. id, 0, -1)) do
    local lease = redis.call('ZSCORE', 'rq:wip:' .. queue, id .. ':' .. execution)
    if lease and tonumber(lease) > now then return true end
  end
  return false
end

-- Whoever sleeps until the head of the zset learns that there is an earlier one.
local function wake(zset, channel, before)
  local head = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')
  if head[2] and (not before or tonumber(head[2]) < tonumber(before)) then redis.call('PUBLISH', channel, head[2]) end
end
"""

# KEYS: zset. ARGV: wake channel, enqueued_at, failure_ttl, module of the jobs' functions, prefix of our queues, kind, prefix of the ids,
# how many ceilings, for each: queue, ceiling; how many runs, for each: simulation, portal; and the jobs as packing.ROW packs them.
# Guarantees: a job that is scheduled, queued, or started under a live lease is left alone, so offering again changes nothing.
# A hash that is merely left over (failed, finished, cancelled, started by a dead worker, or queued but in no list) is replaced.
# What is due already goes to its queue at once, in the order given, up to the queue's ceiling. Returns how many were added.
SCHEDULE = (
    PRELUDE
    + """
local zset, channel, enqueued_at, failure_ttl = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local module, prefix, kind, id_prefix = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local after_ceilings = 9 + 2 * tonumber(ARGV[8])
local room = rooms(9, after_ceilings - 1)
local before = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2]

-- Each portal has a pattern of a scheduled job's hash. To copy it costs one command a job, which also says whether there is one.
local PATTERN = 'simulation:scheduler:pattern:'
local names, queues, patterns = {}, {}, {}
for i = 1, tonumber(ARGV[after_ceilings]) do
  local simulation, portal = ARGV[after_ceilings + 2 * i - 1], ARGV[after_ceilings + 2 * i]
  names[i], queues[i], patterns[i] = id_prefix .. simulation .. '-', prefix .. kind .. '-' .. portal, PATTERN .. portal
  redis.call('HSET', patterns[i], 'data', short(kind, portal), 'status', 'scheduled')
end

local listed = {}
local function waits_in(queue, id)
  if not listed[queue] then
    listed[queue] = {}
    for _, list in ipairs({QUEUE .. queue, QUEUE .. queue .. ':intermediate'}) do
      for _, each in ipairs(redis.call('LRANGE', list, 0, -1)) do listed[queue][each] = true end
    end
  end
  return listed[queue][id]
end

-- What is there is skipped.
local function is_there(id, queue)
  local status = redis.call('HGET', JOB .. id, 'status')
  if status == 'scheduled' then return redis.call('ZSCORE', zset, id) end
  if status == 'queued' then return waits_in(queue, id) or under_way(id, queue) end
  if status == 'started' then return under_way(id, queue) end
  return false
end

-- Its ended leases too: RQ's clean-up takes one for an abandoned execution, and would delete the job that is offered now.
local function forget(id, queue)
  local worker = redis.call('HGET', JOB .. id, 'worker_name')
  if worker then redis.call('ZREM', 'rq:wip:' .. queue, id .. ':' .. worker) end
  redis.call('DEL', JOB .. id)
  for _, execution in ipairs(redis.call('ZRANGE', 'rq:executions:' .. id, 0, -1)) do
    redis.call('ZREM', 'rq:wip:' .. queue, id .. ':' .. execution)
    redis.call('DEL', 'rq:execution:' .. id .. ':' .. execution)
  end
  redis.call('DEL', 'rq:executions:' .. id)
  for _, registry in ipairs({'rq:failed:', 'rq:finished:', 'rq:canceled:'}) do redis.call('ZREM', registry .. queue, id) end
end

local due, just_queued, upcoming, added = {}, {}, {}, 0

local function add_upcoming(id, score, run)
  local key = JOB .. id
  if redis.call('COPY', patterns[run], key) == 0 then
    if is_there(id, queues[run]) then return end
    forget(id, queues[run])
    redis.call('COPY', patterns[run], key)
  end
  upcoming[#upcoming + 1] = score
  upcoming[#upcoming + 1] = id
  added = added + 1
end

local function add_due(id, queue)
  if just_queued[id] then return end
  local is_known = redis.call('EXISTS', JOB .. id) == 1
  if is_known and is_there(id, queue) then return end
  if room[queue] then
    if room[queue] <= 0 then return end
    room[queue] = room[queue] - 1
  end
  if is_known then forget(id, queue) end
  queued(id, queue, full(module, kind), enqueued_at, failure_ttl)
  redis.call('ZREM', zset, id)
  due[queue] = due[queue] or {}
  table.insert(due[queue], id)
  just_queued[id] = true
  added = added + 1
end

local packed = ARGV[#ARGV]
local tails, position = {}, 1
while position <= #packed do
  local run, number, attempt, due_ms
  run, number, attempt, due_ms, position = struct.unpack('<I2I4I4I8', packed, position)
  run = run + 1
  local tail = tails[attempt]
  if not tail then
    tail = '-' .. attempt
    tails[attempt] = tail
  end
  local id = names[run] .. number .. tail
  local score = due_ms / 1000
  if score > now then add_upcoming(id, score, run) else add_due(id, queues[run]) end
end
for queue, ids in pairs(due) do push(queue, ids) end
if #upcoming > 0 then redis.call('ZADD', zset, unpack(upcoming)) end
for _, pattern in ipairs(patterns) do redis.call('DEL', pattern) end
wake(zset, channel, before)
return added
"""
)

# KEYS: zset. ARGV: how many at most, enqueued_at, failure_ttl, module of the jobs' functions, prefix of our queues, seconds a stock job
# is reserved for, then queue, ceiling …
# Guarantees: a job leaves the zset in the same moment as it enters its queue, never before its score, and once however many move.
# A cancelled job, or one without a hash, is dropped. One of ours whose queue is at its ceiling is dropped too: it stays in the ledger,
# which feeds what is overdue to each portal fairly. Stock rq-scheduler jobs (cron, intervals, dependencies, anybody else's) are only
# reserved, by a later score, and returned: whoever got them moves them the stock way.
# Returns moved, dropped, held back, score of the next or '', now, stock job ids.
MOVE = (
    PRELUDE
    + """
local zset, limit, enqueued_at, failure_ttl = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local module, prefix, reserved = ARGV[4], ARGV[5], tonumber(ARGV[6])
local room = rooms(7, #ARGV)

-- Queue and data of a job of ours; nil for anybody else's. One that was given back has an origin and its data in full.
local function ours(id, key, data, origin)
  if not string.find(id, OURS) then return end
  if not origin then
    local kind, portal = string.match(data, SHORT)
    if kind then return prefix .. kind .. '-' .. portal, full(module, kind) end
    return
  end
  if string.sub(origin, 1, #prefix) ~= prefix then return end
  local stock = redis.call('HMGET', key, 'meta', 'dependency_ids', 'rate_limit_key')
  if not (stock[1] or stock[2] or stock[3]) then return origin, data end
end

local due = redis.call('ZRANGE', zset, '-inf', string.format('%.6f', now), 'BYSCORE', 'LIMIT', 0, limit)
local ready, gone, stock, moved, dropped, held = {}, {}, {}, 0, 0, 0
for _, id in ipairs(due) do
  local key = JOB .. id
  local job = redis.call('HMGET', key, 'data', 'status', 'origin')
  if not job[1] or job[2] == 'canceled' then
    gone[#gone + 1] = id
    dropped = dropped + 1
  else
    local queue, data = ours(id, key, job[1], job[3])
    if not queue then
      redis.call('ZADD', zset, string.format('%.3f', now + reserved), id)
      stock[#stock + 1] = id
    elseif room[queue] and room[queue] <= 0 then
      redis.call('DEL', key)
      gone[#gone + 1] = id
      held = held + 1
    else
      queued(id, queue, data, enqueued_at, failure_ttl)
      ready[queue] = ready[queue] or {}
      table.insert(ready[queue], id)
      if room[queue] then room[queue] = room[queue] - 1 end
      gone[#gone + 1] = id
      moved = moved + 1
    end
  end
end
for queue, ids in pairs(ready) do push(queue, ids) end
if #gone > 0 then redis.call('ZREM', zset, unpack(gone)) end
local next = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2] or ''
return {moved, dropped, held, next, string.format('%.6f', now), stock}
"""
)
