-- Ends a hold: moves it from held to spent with what it cost. A second end changes nothing.
-- KEYS  1 state  2 holds  3 expiry  4 held  5 daily cost  6 monthly cost  7 session cost  8 unrecorded  9 tombstone without its id
-- ARGV  1 id  2 cost  3 record bytes, '' for a void  4 day  5 life of a tombstone in ms  6 replica that may not have the record remembered, '' when it may
-- Returns words with a space between: 1 or 0 (applied), seq, day spent, day held, records of the replica that are not remembered; or overflow
-- A tombstone is left where the hold may still be on its way: it was not found, was asked for more than once, or is given up.

local id, day = ARGV[1], ARGV[4]
local stored = redis.call('HGET', KEYS[2], id)
local applied, seq, skipped, spent, held = 0, nil, 0, nil, nil
if stored then
  local hold = cmsgpack.unpack(stored)
  local days, out = release({daily = KEYS[5], monthly = KEYS[6], session = KEYS[7], held = KEYS[4], holds = KEYS[2], expiry = KEYS[3]}, id, hold, ARGV[2])
  if not days then
    return 'overflow'
  end
  if ARGV[3] ~= '' then
    if ARGV[6] == '' then
      redis.call('HSET', KEYS[8], id, 'R' .. ARGV[2] .. ':' .. ARGV[3])
    else
      skipped = skip(KEYS[1], ARGV[6])
    end
  end
  if hold[4] == 1 or ARGV[3] == '' then
    redis.call('SET', KEYS[9] .. id, '1', 'PX', ARGV[5])
  end
  applied = 1
  seq = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'seq', 1))
  -- The org is the first node of every path.
  if days[1] == 'org' and hold[2] == day then
    spent = days[2]
    held = out[1] == 'D' .. day .. '/org' and out[2] or '0'
  end
else
  redis.call('SET', KEYS[9] .. id, '1', 'PX', ARGV[5])
  if ARGV[6] ~= '' then
    skipped = skipped_by(KEYS[1], ARGV[6])
  end
end
if not spent then
  spent, held = redis.call('HGET', KEYS[5], 'org') or '0', redis.call('HGET', KEYS[4], 'D' .. day .. '/org') or '0'
end
return table.concat({applied, seq or '0', spent, held, skipped}, ' ')
