-- Begins the rebuild of an org's counters: nobody is admitted on them until open says that they are right. One replica rebuilds at a time.
-- The rebuild is named by its time, so that a replica can tell whether it took part in it.
-- KEYS  1 state
-- ARGV  1 replica  2 ms after which another may take over  3 '1' rebuilds counters that are open, too
-- Returns {'open'}, {'busy'} or {'begun', epoch}

local micros = now_micros()
local now = math.floor(micros / 1000)
local epoch = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local state = redis.call('HMGET', KEYS[1], 'epoch', 'builder', 'builder_until')
if state[1] == epoch and ARGV[3] ~= '1' then
  return {'open'}
end
if state[2] and state[2] ~= ARGV[1] and tonumber(state[3]) > now then
  return {'busy'}
end
redis.call('HDEL', KEYS[1], 'epoch')
redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HSET', KEYS[1], 'builder', ARGV[1], 'builder_until', string.format('%.0f', now + tonumber(ARGV[2])),
  'built', string.format('%.0f', micros))
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 4) == 'ack:' then
    redis.call('HDEL', KEYS[1], field)
  end
end
return {'begun', epoch}
