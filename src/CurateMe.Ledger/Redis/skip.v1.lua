-- Put before the scripts that end holds: what happens to a record that is not remembered until the ledger has it.
-- The state of an org says for each replica that skipped some how many they were and when it last said so: 'skip:' replica = count ':' ms.

local function skipped_by(state, replica)
  return tonumber(string.match(redis.call('HGET', state, 'skip:' .. replica) or '0', '^%d+'))
end

local function skip(state, replica)
  local count = skipped_by(state, replica) + 1
  redis.call('HSET', state, 'skip:' .. replica, string.format('%.0f:%.0f', count, math.floor(now_micros() / 1000)))
  return count
end

