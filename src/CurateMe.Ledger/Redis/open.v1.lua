-- Says that the counters of an org are right as they are: holds are admitted on them from here on.
-- KEYS  1 state
-- ARGV  1 epoch, as attach gave it
-- Returns {1, epoch, seq}, or {0, epoch} when another process serves the org by now.

local epoch = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if epoch ~= ARGV[1] then
  return {0, epoch}
end
redis.call('HSET', KEYS[1], 'epoch', epoch)
redis.call('HDEL', KEYS[1], 'builder', 'builder_until')
redis.call('HSETNX', KEYS[1], 'seq', '0')
return {1, epoch, redis.call('HGET', KEYS[1], 'seq')}
