-- Adds differences to what is spent, all or none, and ends the mark with the last of them.
-- KEYS  1 state  2 captured  3 periods  4 session cost  5 sessions in use  6 daily cost without its day  7 monthly cost without its month
-- ARGV  1 number of the mark  2 most captured  3 time of the mark in ms, rounded up  4 '1' when more differences follow,
--       then for each difference: period (D day, M month or L), field, amount
-- Returns 'ok', 'replaced', 'overrun' or 'overflow'

local until_, marked, latest = unpack(redis.call('HMGET', KEYS[1], 'mark_until', 'marked', 'latest'))
local now = now_micros()
if marked ~= ARGV[1] or not until_ or tonumber(until_) <= now then
  return 'replaced'
end
if redis.call('LLEN', KEYS[2]) > tonumber(ARGV[2]) then
  return 'overrun'
end

local function key_of(period)
  local kind = string.sub(period, 1, 1)
  return kind == 'L' and KEYS[4] or (kind == 'D' and KEYS[6] or KEYS[7]) .. string.sub(period, 2)
end

local sums = {}
for i = 5, #ARGV, 3 do
  local h, l = split(redis.call('HGET', key_of(ARGV[i]), ARGV[i + 1]))
  local dh, dl = split(ARGV[i + 2])
  h, l = plus(h, l, dh, dl)
  if not in_range(h, l) then
    return 'overflow'
  end
  sums[i] = text(h, l)
end
for i = 5, #ARGV, 3 do
  local period, key = ARGV[i], key_of(ARGV[i])
  redis.call('HSET', key, ARGV[i + 1], sums[i])
  if period == 'L' then
    redis.call('ZADD', KEYS[5], 'NX', string.format('%.0f', math.floor(now / 1000)), ARGV[i + 1])
  elseif redis.call('TTL', key) < 0 then
    redis.call('SADD', KEYS[3], period)
    redis.call('EXPIRE', key, string.sub(period, 1, 1) == 'D' and DAY_TTL or MONTH_TTL)
  end
end
redis.call('HINCRBY', KEYS[1], 'seq', 1)
if ARGV[4] == '1' then
  return 'ok'
end
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[1], 'mark_until', 'marked', 'mark_owner', 'mark_alone')
redis.call('HSET', KEYS[1], 'latest', string.format('%.0f', math.max(tonumber(latest or '0'), tonumber(ARGV[3]))))
return 'ok'
