-- The ledger has these records. A hold still live ends with its record's cost; one that ended with another cost is corrected by the difference.
-- KEYS  1 state  2 holds  3 expiry  4 held  5 session cost  6 unrecorded  7 daily cost without its day  8 monthly cost without its month
-- ARGV  for each record: id, cost, day, team field or '', key field, session field or ''
-- Returns 'ok'

for i = 1, #ARGV, 6 do
  local id, cost, day = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local keys = {
    daily = KEYS[7] .. day, monthly = KEYS[8] .. string.sub(day, 1, 7), session = KEYS[5], held = KEYS[4], holds = KEYS[2], expiry = KEYS[3],
  }
  local stored = redis.call('HGET', KEYS[2], id)
  if stored then
    release(keys, id, cmsgpack.unpack(stored), cost)
  else
    local late = redis.call('HGET', KEYS[6], id)
    if late then
      local charged = string.match(late, '^[RX](%d+):')
      if charged ~= cost then
        local fields = {'org'}
        for j = 3, 5 do
          if ARGV[i + j] ~= '' then
            fields[#fields + 1] = ARGV[i + j]
          end
        end
        local h, l = split(cost)
        local ch, cl = split(charged)
        h, l = minus(h, l, ch, cl)
        charge_all(keys.daily, keys.monthly, keys.session, fields, text(h, l))
      end
      redis.call('HDEL', KEYS[6], id)
      if string.sub(late, 1, 1) == 'X' then
        redis.call('ZREM', KEYS[3], id)
      end
    end
  end
end
redis.call('HINCRBY', KEYS[1], 'seq', 1)
return 'ok'
