-- Says that the replica which rebuilds an org's counters lives and goes on.
-- KEYS  1 state
-- ARGV  1 replica  2 ms after which another may take over
-- Returns 1, or 0 when it is not the one that rebuilds

if redis.call('HGET', KEYS[1], 'builder') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'builder_until', string.format('%.0f', math.floor(now_micros() / 1000) + tonumber(ARGV[2])))
return 1
