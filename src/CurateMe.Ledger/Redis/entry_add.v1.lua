-- Writes an entry if there is none of its name.
-- KEYS  1 entry  2 the partition's tally of the day
-- ARGV  1 value  2 time to live, ms  3 most entries a day; -1 does not count
-- Returns the value that was there, 1 when added, 0 when the day's tally is full

local found = redis.call('GET', KEYS[1])
if found then return found end
if tonumber(ARGV[3]) >= 0 then
  if redis.call('HINCRBY', KEYS[2], 'entries', 1) > tonumber(ARGV[3]) then
    redis.call('HINCRBY', KEYS[2], 'entries', -1)
    return 0
  end
  redis.call('EXPIRE', KEYS[2], 172800)
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
