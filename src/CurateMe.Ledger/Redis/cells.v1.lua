-- Put before every script of the counters: exact money, and what ending a hold does to the cells.
-- Amounts are decimal strings of int64 nano-dollars. A Lua number is exact only up to 2^53, so an amount is split into hi * 10^9 + lo, 0 <= lo < 10^9.

local BASE = 1000000000
local MAX_HI, MAX_LO = 9223372036, 854775807
local DAY_TTL, MONTH_TTL = 4 * 86400, 100 * 86400

local function split(s)
  if not s or s == '' then
    return 0, 0
  end
  if #s <= 15 then
    local n = tonumber(s)
    local hi = math.floor(n / BASE)
    return hi, n - hi * BASE
  end
  local negative = string.byte(s) == 45
  local hi = tonumber(string.sub(s, negative and 2 or 1, -10))
  local lo = tonumber(string.sub(s, -9))
  if not negative then
    return hi, lo
  end
  if lo > 0 then
    return -hi - 1, BASE - lo
  end
  return -hi, 0
end

local function plus(h1, l1, h2, l2)
  local h, l = h1 + h2, l1 + l2
  if l >= BASE then
    return h + 1, l - BASE
  end
  return h, l
end

local function minus(h1, l1, h2, l2)
  local h, l = h1 - h2, l1 - l2
  if l < 0 then
    return h - 1, l + BASE
  end
  return h, l
end

local function less(h1, l1, h2, l2)
  return h1 < h2 or (h1 == h2 and l1 < l2)
end

local function in_range(h, l)
  return not less(MAX_HI, MAX_LO, h, l)
end

local function text(h, l)
  if h > -1000000 and h < 1000000 then
    return string.format('%.0f', h * BASE + l)
  end
  if h >= 0 then
    return string.format('%.0f%09.0f', h, l)
  end
  h, l = minus(0, 0, h, l)
  return string.format('-%.0f%09.0f', h, l)
end

local function is_session(field)
  return string.sub(field, 1, 8) == 'session:'
end

-- Names in the hash of held amounts: D day / field, M month / field, L / field, and N / field for the number of live holds.
local function held_names(day, fields)
  local names = {}
  local month = string.sub(day, 1, 7)
  for _, field in ipairs(fields) do
    if is_session(field) then
      names[#names + 1] = 'L/' .. field
    else
      names[#names + 1] = 'D' .. day .. '/' .. field
      names[#names + 1] = 'M' .. month .. '/' .. field
    end
  end
  return names
end

local function now_micros()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- What spent would be with an amount more, at every field that is in the hash: {field, amount, ...}; false when that would leave the range.
local function more(key, fields, h, l)
  if #fields == 0 then
    return fields
  end
  local changes = {}
  for i, value in ipairs(redis.call('HMGET', key, unpack(fields))) do
    if value then
      local sh, sl = split(value)
      sh, sl = plus(sh, sl, h, l)
      if not in_range(sh, sl) then
        return false
      end
      changes[#changes + 1] = fields[i]
      changes[#changes + 1] = text(sh, sl)
    end
  end
  return changes
end

local function set(key, changes)
  if #changes > 0 then
    redis.call('HSET', key, unpack(changes))
  end
end

-- Adds a cost to what is spent, everywhere or, when that would leave the range, nowhere. Returns false then, else what it left in the day.
local function charge_all(daily, monthly, session, fields, cost)
  local h, l = split(cost)
  if h == 0 and l == 0 then
    return {}
  end
  local nodes, sessions = {}, {}
  for _, field in ipairs(fields) do
    if is_session(field) then
      sessions[#sessions + 1] = field
    else
      nodes[#nodes + 1] = field
    end
  end
  local days, months, lives = more(daily, nodes, h, l), more(monthly, nodes, h, l), more(session, sessions, h, l)
  if not (days and months and lives) then
    return false
  end
  set(daily, days)
  set(monthly, months)
  set(session, lives)
  return days
end

-- Cells exist from their first use on, so that every figure can be seen; a new period is remembered, and forgotten in its time.
local function make_cells(daily, monthly, sessions, periods, in_use, day, fields, now)
  local function make(key, period, ttl, field)
    if redis.call('HSETNX', key, field, '0') == 1 and redis.call('TTL', key) < 0 then
      redis.call('SADD', periods, period)
      redis.call('EXPIRE', key, ttl)
    end
  end
  local month = string.sub(day, 1, 7)
  for _, field in ipairs(fields) do
    if is_session(field) then
      redis.call('HSETNX', sessions, field, '0')
      redis.call('ZADD', in_use, string.format('%.0f', math.floor(now / 1000)), field)
    else
      make(daily .. day, 'D' .. day, DAY_TTL, field)
      make(monthly .. month, 'M' .. month, MONTH_TTL, field)
    end
  end
end

-- A hold is stored as {amount, day, owner, doubtful, record, field, field, ...}.
local function hold_fields(hold)
  local fields = {}
  for i = 6, #hold do
    fields[#fields + 1] = hold[i]
  end
  return fields
end

-- Moves a hold from held to spent. Returns false when that would leave the range, and then nothing has changed; else what it left in the day's spent and in held,
-- each {field, amount, ...}; what is not in them it did not change, or took away.
local function release(keys, id, hold, cost)
  local fields = hold_fields(hold)
  local days = charge_all(keys.daily, keys.monthly, keys.session, fields, cost)
  if not days then
    return false
  end
  local names = held_names(hold[2], fields)
  local cells = #names
  for _, field in ipairs(fields) do
    names[#names + 1] = 'N/' .. field
  end
  local ah, al = split(hold[1])
  local changes, gone = {}, {}
  for i, value in ipairs(redis.call('HMGET', keys.held, unpack(names))) do
    local h, l = split(value)
    if i <= cells then
      h, l = minus(h, l, ah, al)
    else
      h, l = minus(h, l, 0, 1)
    end
    if h < 0 or (h == 0 and l == 0) then
      gone[#gone + 1] = names[i]
    else
      changes[#changes + 1] = names[i]
      changes[#changes + 1] = text(h, l)
    end
  end
  set(keys.held, changes)
  if #gone > 0 then
    redis.call('HDEL', keys.held, unpack(gone))
  end
  redis.call('HDEL', keys.holds, id)
  redis.call('ZREM', keys.expiry, id)
  return days, changes
end
