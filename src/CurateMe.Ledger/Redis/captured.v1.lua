-- Holds taken since a mark.
-- KEYS  1 state  2 captured
-- ARGV  1 number of the mark  2 most captured
-- Returns the ids, or {'replaced'} or {'overrun'}

local until_, marked = unpack(redis.call('HMGET', KEYS[1], 'mark_until', 'marked'))
if marked ~= ARGV[1] or not until_ or tonumber(until_) <= now_micros() then
  return {'replaced'}
end
if redis.call('LLEN', KEYS[2]) > tonumber(ARGV[2]) then
  return {'overrun'}
end
return redis.call('LRANGE', KEYS[2], 0, -1)
