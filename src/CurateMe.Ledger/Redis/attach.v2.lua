-- Asks whether the counters of an org are those that this server process has built or been given.
-- KEYS  1 state
-- ARGV  none
-- Returns {1, epoch, seq, name of the last rebuild or ''} when they are, {0, epoch} when they must be rebuilt for this epoch: the server was restarted, flushed, or took over.

local epoch = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local state = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'built')
if state[1] == epoch then
  return {1, epoch, state[2], state[3] or ''}
end
return {0, epoch}
