-- Says that a replica lives, and which others do.
-- KEYS  1 replicas
-- ARGV  1 replica  2 ms after which one is forgotten
-- Returns {name, ms since its last beat, name, ...}

local now = math.floor(now_micros() / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - tonumber(ARGV[2])))
local result = {}
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  result[#result + 1] = all[i]
  result[#result + 1] = now - tonumber(all[i + 1])
end
return result
