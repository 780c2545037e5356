-- Begins a reconciliation: everything spent at this instant, live holds, ended ones that the ledger may lack; new holds are captured from here on.
-- KEYS  1 state  2 holds  3 unrecorded  4 captured  5 periods  6 session cost  7 daily cost without its day  8 monthly cost without its month
-- ARGV  1 longest that holds are captured, in ms
-- Returns {number, at ms, live ids, unrecorded values, {period, {field, amount, ...}, period, ...}}; period is D day, M month or L

local now = now_micros()
redis.call('DEL', KEYS[4])
redis.call('HINCRBY', KEYS[1], 'mark', 1)
redis.call('HSET', KEYS[1], 'mark_until', string.format('%.0f', now + tonumber(ARGV[1]) * 1000), 'marked', redis.call('HGET', KEYS[1], 'mark'))
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
