-- Begins a reconciliation: everything spent at this instant, live holds, ended ones that the ledger may lack; new holds are captured from here on.
-- KEYS  1 state  2 holds  3 unrecorded  4 captured  5 periods  6 session cost  7 daily cost without its day  8 monthly cost without its month
-- ARGV  1 longest that holds are captured, in ms  2 who marks  3 ms in which nobody else may  4 ms after which a replica that skipped records and is silent is not waited for
--       5 ms that a rebuild goes on at least
-- Returns {number, at ms, live ids, unrecorded values, {period, {field, amount, ...}, period, ...}}; period is D day, M month or L
--         {'busy'} another reconciles now  {'skipped'} more ended holds than are remembered are on their way to the ledger

local now = now_micros()
local owner, alone, until_, builder, built = unpack(redis.call('HMGET', KEYS[1], 'mark_owner', 'mark_alone', 'mark_until', 'builder', 'builder_until'))
if builder and tonumber(built) > now / 1000 then
  -- Nobody is admitted before the rebuild is done: it does not wait for a reconciliation, and none comes in between.
  if builder ~= ARGV[2] then
    return {'busy'}
  end
  redis.call('HSET', KEYS[1], 'builder_until', string.format('%.0f', math.floor(now / 1000) + tonumber(ARGV[5])))
elseif owner and owner ~= ARGV[2] and until_ and tonumber(until_) > now and tonumber(alone) > now then
  return {'busy'}
end
local state = redis.call('HGETALL', KEYS[1])
for i = 1, #state, 2 do
  if string.sub(state[i], 1, 5) == 'skip:' then
    local at = tonumber(string.match(state[i + 1], ':(%d+)$'))
    if at + tonumber(ARGV[4]) > now / 1000 then
      return {'skipped'}
    end
    redis.call('HDEL', KEYS[1], state[i])
  end
end

redis.call('DEL', KEYS[4])
redis.call('HINCRBY', KEYS[1], 'mark', 1)
redis.call('HSET', KEYS[1], 'mark_until', string.format('%.0f', now + tonumber(ARGV[1]) * 1000), 'marked', redis.call('HGET', KEYS[1], 'mark'),
  'mark_owner', ARGV[2], 'mark_alone', string.format('%.0f', now + tonumber(ARGV[3]) * 1000))
local spent = {'L', redis.call('HGETALL', KEYS[6])}
for _, period in ipairs(redis.call('SMEMBERS', KEYS[5])) do
  local key = (string.sub(period, 1, 1) == 'D' and KEYS[7] or KEYS[8]) .. string.sub(period, 2)
  local cells = redis.call('HGETALL', key)
  if #cells == 0 then
    redis.call('SREM', KEYS[5], period)
  else
    spent[#spent + 1] = period
    spent[#spent + 1] = cells
  end
end
local at = math.max(math.floor(now / 1000), tonumber(redis.call('HGET', KEYS[1], 'latest') or '0')) + 1
return {redis.call('HGET', KEYS[1], 'mark'), string.format('%.0f', at), redis.call('HKEYS', KEYS[2]), redis.call('HVALS', KEYS[3]), spent}
