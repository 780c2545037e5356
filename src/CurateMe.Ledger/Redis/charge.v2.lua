-- Brings ended holds, which the ledger may lack, to counters that are being rebuilt.
-- KEYS  1 state  2 holds  3 expiry  4 held  5 session cost  6 unrecorded  7 daily cost without its day  8 monthly cost without its month  9 captured  10 periods
--       11 tombstone without its id  12 sessions in use
-- ARGV  1 most captured  2 life of a tombstone in ms  3 replica that may not have records remembered, '' when it may, then for each record: id, cost, day, record bytes, number of fields, its fields
-- Returns {'ok', records of the replica that are not remembered}, or {'late', ...} when the counters are open by now: then they are to be reconciled

local now = now_micros()
local state = redis.call('HMGET', KEYS[1], 'epoch', 'mark_until')
local capture = tonumber(state[2] or '0') > now
local skipped = 0
local at = 4
while at <= #ARGV do
  local id, cost, day, record, n = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4])
  local fields = {}
  for i = at + 5, at + 4 + n do
    fields[#fields + 1] = ARGV[i]
  end
  at = at + 5 + n
  local tombstone = KEYS[11] .. id
  if redis.call('HEXISTS', KEYS[6], id) == 0 and redis.call('GET', tombstone) ~= 's' then
    local keys = {
      daily = KEYS[7] .. day, monthly = KEYS[8] .. string.sub(day, 1, 7), session = KEYS[5], held = KEYS[4], holds = KEYS[2], expiry = KEYS[3],
    }
    local stored = redis.call('HGET', KEYS[2], id)
    local done
    if stored then
      done = release(keys, id, cmsgpack.unpack(stored), cost)
    else
      make_cells(KEYS[7], KEYS[8], KEYS[5], KEYS[10], KEYS[12], day, fields, now)
      done = charge_all(keys.daily, keys.monthly, keys.session, fields, cost)
    end
    if done then
      if ARGV[3] == '' then
        redis.call('HSET', KEYS[6], id, 'R' .. cost .. ':' .. record)
      else
        skipped = skip(KEYS[1], ARGV[3])
      end
      if capture and redis.call('LLEN', KEYS[9]) <= tonumber(ARGV[1]) then
        redis.call('RPUSH', KEYS[9], id)
      end
    end
    redis.call('SET', tombstone, 's', 'PX', ARGV[2])
  end
end
redis.call('HINCRBY', KEYS[1], 'seq', 1)
return {state[1] and 'late' or 'ok', skipped}
