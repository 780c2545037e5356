-- Brings a replica's own live holds to the counters, as they are in its memory: what it does not name any more is released, what is missing is held again.
-- KEYS  1 state  2 holds  3 expiry  4 held  5 session cost  6 unrecorded  7 daily cost without its day  8 monthly cost without its month  9 captured  10 periods
--       11 tombstone without its id  12 sessions in use
-- ARGV  1 owner  2 most captured  3 number of ids that are not to be released, or -1 to release none, then these ids,
--       then for each live hold: id, amount, ms left, day, record bytes, number of fields, its fields
-- Returns the ids of holds that have ended here already

local now = now_micros()
local count = tonumber(ARGV[3])
local at = 4
local function keys_of(day)
  return {
    daily = KEYS[7] .. day, monthly = KEYS[8] .. string.sub(day, 1, 7), session = KEYS[5], held = KEYS[4], holds = KEYS[2], expiry = KEYS[3],
  }
end
if count >= 0 then
  local mine = {}
  for i = at, at + count - 1 do
    mine[ARGV[i]] = true
  end
  at = at + count
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if not mine[all[i]] then
      local hold = cmsgpack.unpack(all[i + 1])
      if hold[3] == ARGV[1] then
        release(keys_of(hold[2]), all[i], hold, '0')
      end
    end
  end
end

local capture = tonumber(redis.call('HGET', KEYS[1], 'mark_until') or '0') > now
local ended = {}
while at <= #ARGV do
  local id, amount, left, day, record, n = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], tonumber(ARGV[at + 5])
  local fields = {}
  for i = at + 6, at + 5 + n do
    fields[#fields + 1] = ARGV[i]
  end
  at = at + 6 + n
  if redis.call('EXISTS', KEYS[11] .. id) == 1 then
    ended[#ended + 1] = id
  elseif redis.call('HEXISTS', KEYS[2], id) == 0 and redis.call('HEXISTS', KEYS[6], id) == 0 then
    local ah, al = split(amount)
    local names = held_names(day, fields)
    local cells = #names
    for _, field in ipairs(fields) do
      names[#names + 1] = 'N/' .. field
    end
    local changes = {}
    for i, value in ipairs(redis.call('HMGET', KEYS[4], unpack(names))) do
      local h, l = split(value)
      if i <= cells then
        h, l = plus(h, l, ah, al)
      else
        h, l = plus(h, l, 0, 1)
      end
      changes[#changes + 1] = names[i]
      changes[#changes + 1] = text(h, l)
    end
    redis.call('HSET', KEYS[4], unpack(changes))
    make_cells(KEYS[7], KEYS[8], KEYS[5], KEYS[10], KEYS[12], day, fields, now)
    redis.call('HSET', KEYS[2], id, cmsgpack.pack({amount, day, ARGV[1], 1, record, unpack(fields)}))
    redis.call('ZADD', KEYS[3], string.format('%.0f', math.floor(now / 1000) + tonumber(left)), id)
    if capture and redis.call('LLEN', KEYS[9]) <= tonumber(ARGV[2]) then
      redis.call('RPUSH', KEYS[9], id)
    end
  end
end
redis.call('HINCRBY', KEYS[1], 'seq', 1)
return ended
