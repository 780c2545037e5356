-- A replica's word on the records that it skipped: the ledger has all up to a number, or not yet.
-- KEYS  1 state
-- ARGV  1 replica  2 how many the ledger has, '' when it is still behind
-- Returns 1 when none is missing any more, else 0

local name = 'skip:' .. ARGV[1]
local count = string.match(redis.call('HGET', KEYS[1], name) or '', '^%d+')
if not count or count == ARGV[2] then
  redis.call('HDEL', KEYS[1], name)
  return 1
end
redis.call('HSET', KEYS[1], name, string.format('%s:%.0f', count, math.floor(now_micros() / 1000)))
return 0
