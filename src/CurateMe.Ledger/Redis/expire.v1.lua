-- Ends holds whose time is over by this server's clock, each charged in full, and hands out again those whose record nobody has brought to the ledger.
-- KEYS  1 state  2 holds  3 expiry  4 held  5 session cost  6 unrecorded  7 daily cost without its day  8 monthly cost without its month  9 rates  10 sessions in use
-- ARGV  1 most  2 ms after which an expired hold is handed out again  3 ms that an unused session is kept  (keys of a period are 7 and 8 with the period after them)
-- Returns {ms until the next one is due or -1, id, amount, ms of expiry, record bytes, id, ...}

local now = math.floor(now_micros() / 1000)
local result = {-1}
local expired = false
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[1])) do
  local stored = redis.call('HGET', KEYS[2], id)
  local at, amount, record
  if stored then
    local hold = cmsgpack.unpack(stored)
    amount, at, record = hold[1], string.format('%.0f', now), hold[5]
    local keys = {
      daily = KEYS[7] .. hold[2], monthly = KEYS[8] .. string.sub(hold[2], 1, 7), session = KEYS[5],
      held = KEYS[4], holds = KEYS[2], expiry = KEYS[3],
    }
    if release(keys, id, hold, amount) then
      redis.call('HSET', KEYS[6], id, 'X' .. amount .. ':' .. at .. ':' .. record)
      expired = true
    else
      record = nil
    end
  else
    local late = redis.call('HGET', KEYS[6], id)
    if late and string.sub(late, 1, 1) == 'X' then
      amount, at = string.match(late, '^X(%d+):(%d+):')
      record = string.sub(late, #amount + #at + 4)
    end
  end
  if record then
    redis.call('ZADD', KEYS[3], string.format('%.0f', now + tonumber(ARGV[2])), id)
    result[#result + 1] = id
    result[#result + 1] = amount
    result[#result + 1] = at
    result[#result + 1] = record
  else
    redis.call('ZREM', KEYS[3], id)
  end
end
if expired then
  redis.call('HINCRBY', KEYS[1], 'seq', 1)
end

-- What is over and held by nobody: sessions long unused, rates that are free again.
for _, session in ipairs(redis.call('ZRANGEBYSCORE', KEYS[10], '-inf', string.format('%.0f', now - tonumber(ARGV[3])), 'LIMIT', 0, 100)) do
  if not redis.call('HGET', KEYS[4], 'L/' .. session) then
    redis.call('HDEL', KEYS[5], session)
    redis.call('HDEL', KEYS[9], session)
    redis.call('ZREM', KEYS[10], session)
  end
end

local next = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
if next[2] then
  result[1] = math.max(0, tonumber(next[2]) - now)
end
return result
