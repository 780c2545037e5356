-- What every node has spent and holds in a day, in its month, and in sessions.
-- KEYS  1 daily cost  2 monthly cost  3 session cost  4 held  5 state
-- ARGV  1 epoch  2 highest seq that the caller has seen
-- Returns {daily, monthly, sessions, held}: each field, amount, field, amount, ...; those of held as cells.v1 names them
--         {}: the counters are not to be trusted, as a hold would find

local state = redis.call('HMGET', KEYS[5], 'epoch', 'seq')
if state[1] ~= ARGV[1] then
  return {}
end
if tonumber(state[2] or '0') < tonumber(ARGV[2]) then
  -- Older than what the caller has seen: an old snapshot.
  redis.call('HDEL', KEYS[5], 'epoch')
  return {}
end
return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4])}
