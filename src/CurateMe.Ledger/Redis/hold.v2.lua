-- Sets money aside at all nodes and periods of a path at once, or at none, and takes the rate limit in the same step.
-- KEYS  1 state  2 holds  3 expiry  4 held  5 rates  6 daily cost  7 monthly cost  8 session cost  9 tombstone without its id  10 captured  11 periods  12 sessions in use
--       13 daily cost without its day  14 monthly cost without its month
-- ARGV  1 epoch  2 highest seq that the caller has seen  3 id  4 desired  5 minimum  6 time to live in ms  7 number of this try  8 time of admission in ms
--       9 day  10 owner  11 record bytes  12 most captured, then for each node: field, day or life limit, month limit, requests per minute, concurrency ('' = none)
-- Returns words with a space between:
--         ok seq granted day-spent day-held rate-limit remaining reset-ms retry-ms
--         budget seq node period spent held limit day-spent day-held rate-limit remaining reset-ms retry-ms   node from 1; period 0 day, 1 month, 2 life
--         rate or busy, seq node day-spent day-held rate-limit remaining reset-ms retry-ms
--         epoch: the counters are not to be trusted  ended: this hold has ended  overflow
-- Asked again with the id of a live hold it answers the same and changes nothing.

local FIRST, PER_NODE = 13, 5
local id, day = ARGV[3], ARGV[9]

local function words(...)
  return table.concat({...}, ' ')
end

local state = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'latest', 'mark_until')
state[2] = state[2] or '0'
if state[1] ~= ARGV[1] then
  return 'epoch'
end
if tonumber(state[2]) < tonumber(ARGV[2]) then
  -- Older than what the caller has seen: an old snapshot.
  redis.call('HDEL', KEYS[1], 'epoch')
  return 'epoch'
end
if redis.call('EXISTS', KEYS[9] .. id) == 1 then
  return 'ended'
end

local now = now_micros()
local fields, limited = {}, {}
for at = FIRST, #ARGV, PER_NODE do
  fields[#fields + 1] = ARGV[at]
  if ARGV[at + 3] ~= '' then
    limited[#limited + 1] = ARGV[at]
  end
end

local free_at = {}
if #limited > 0 then
  for i, value in ipairs(redis.call('HMGET', KEYS[5], unpack(limited))) do
    free_at[limited[i]] = tonumber(value or '0')
  end
end

-- The first node whose rate is used up, and the figures of that node, else of the tightest.
local function rates()
  local best, blocker
  for i, field in ipairs(fields) do
    local limit = tonumber(ARGV[FIRST + (i - 1) * PER_NODE + 3])
    if limit then
      limit = math.max(limit, 0)
      local step = math.max(1, math.floor(60000000 / math.max(limit, 1)))
      local backlog = math.max(0, free_at[field] - now)
      local room = limit * step - backlog
      local remaining = math.max(0, math.floor(room / step))
      local figures = {limit, remaining, math.ceil(backlog / 1000), room >= step and 0 or math.ceil((step - room) / 1000)}
      if remaining == 0 then
        return figures, i
      end
      if not best or remaining < best[2] then
        best = figures
      end
    end
  end
  return best or {0, 0, 0, 0}, blocker
end

local names = held_names(day, fields)
local cells = #names
for _, field in ipairs(fields) do
  names[#names + 1] = 'N/' .. field
end
local held = redis.call('HMGET', KEYS[4], unpack(names))

local nodes, session = {}, nil
for _, field in ipairs(fields) do
  if is_session(field) then
    session = field
  else
    nodes[#nodes + 1] = field
  end
end
local daily = redis.call('HMGET', KEYS[6], unpack(nodes))
local monthly = redis.call('HMGET', KEYS[7], unpack(nodes))
local life = session and redis.call('HGET', KEYS[8], session)
local day_spent, day_held = daily[1] or '0', held[1] or '0'

local before = redis.call('HGET', KEYS[2], id)
if before then
  local hold = cmsgpack.unpack(before)
  if hold[4] == 0 then
    hold[4] = 1
    redis.call('HSET', KEYS[2], id, cmsgpack.pack(hold))
  end
  local figures = rates()
  return words('ok', state[2], hold[1], day_spent, day_held, unpack(figures))
end

local figures, slow = rates()
if slow then
  return words('rate', state[2], slow, day_spent, day_held, unpack(figures))
end
for i = 1, #fields do
  local most = tonumber(ARGV[FIRST + (i - 1) * PER_NODE + 4])
  if most and tonumber(held[cells + i] or '0') >= most then
    return words('busy', state[2], i, day_spent, day_held, unpack(figures))
  end
end

-- Every cell in the order of the path: {node, period, spent, held, limit}.
local function each_cell(visit)
  local at, node = 0, 0
  for i, field in ipairs(fields) do
    local arg = FIRST + (i - 1) * PER_NODE
    if is_session(field) then
      at = at + 1
      if visit(i, 2, life or '0', held[at] or '0', ARGV[arg + 1]) then return true end
    else
      node = node + 1
      at = at + 1
      if visit(i, 0, daily[node] or '0', held[at] or '0', ARGV[arg + 1]) then return true end
      at = at + 1
      if visit(i, 1, monthly[node] or '0', held[at] or '0', ARGV[arg + 2]) then return true end
    end
  end
end

local ah, al = split(ARGV[4])
local mh, ml = split(ARGV[5])
local denied
if ah > 0 or al > 0 then
  each_cell(function(node, period, spent, out, limit)
    if limit == '' then return false end
    local h, l = split(limit)
    local sh, sl = split(spent)
    h, l = minus(h, l, sh, sl)
    local oh, ol = split(out)
    h, l = minus(h, l, oh, ol)
    if less(h, l, mh, ml) then
      denied = words('budget', state[2], node, period, spent, out, limit, day_spent, day_held, unpack(figures))
      return true
    end
    if less(h, l, ah, al) then
      ah, al = h, l
    end
    return false
  end)
  if denied then
    return denied
  end
end

local beyond = each_cell(function(_, _, spent, out, _)
  local h, l = split(spent)
  local oh, ol = split(out)
  h, l = plus(h, l, oh, ol)
  h, l = plus(h, l, ah, al)
  return not in_range(h, l)
end)
if beyond then
  return 'overflow'
end

-- From here on everything is written.
local amount = text(ah, al)
local changes = {}
for i, name in ipairs(names) do
  local h, l = split(held[i])
  if i <= cells then
    h, l = plus(h, l, ah, al)
  else
    h, l = plus(h, l, 0, 1)
  end
  changes[#changes + 1] = name
  changes[#changes + 1] = text(h, l)
end
redis.call('HSET', KEYS[4], unpack(changes))
day_held = changes[2]

local fresh = false
for i = 1, #nodes do
  fresh = fresh or not daily[i] or not monthly[i]
end
if fresh or session then
  -- Of a session it is also remembered when it was last used.
  make_cells(KEYS[13], KEYS[14], KEYS[8], KEYS[11], KEYS[12], day, fresh and fields or {session}, now)
end

if #limited > 0 then
  local taken = {}
  for i, field in ipairs(fields) do
    local limit = tonumber(ARGV[FIRST + (i - 1) * PER_NODE + 3])
    if limit then
      local step = math.max(1, math.floor(60000000 / math.max(limit, 1)))
      free_at[field] = math.max(free_at[field], now) + step
      taken[#taken + 1] = field
      taken[#taken + 1] = string.format('%.0f', free_at[field])
    end
  end
  redis.call('HSET', KEYS[5], unpack(taken))
  figures = rates()
end

local doubtful = tonumber(ARGV[7]) > 1 and 1 or 0
redis.call('HSET', KEYS[2], id, cmsgpack.pack({amount, day, ARGV[10], doubtful, ARGV[11], unpack(fields)}))
redis.call('ZADD', KEYS[3], string.format('%.0f', math.floor(now / 1000) + tonumber(ARGV[6])), id)
if state[4] and tonumber(state[4]) > now and redis.call('LLEN', KEYS[10]) <= tonumber(ARGV[12]) then
  redis.call('RPUSH', KEYS[10], id)
end
local latest = math.max(tonumber(state[3] or '0'), tonumber(ARGV[8]))
local seq = string.format('%.0f', tonumber(state[2]) + 1)
redis.call('HSET', KEYS[1], 'seq', seq, 'latest', string.format('%.0f', latest))
return words('ok', seq, amount, day_spent, day_held, unpack(figures))
