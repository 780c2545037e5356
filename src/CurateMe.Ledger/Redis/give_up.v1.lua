-- Gives up the rebuild of an org's counters that failed: another replica may begin one at once, instead of taking it over in its time.
-- KEYS  1 state
-- ARGV  1 replica
-- Returns 1 when this replica had it, 0 when not

if redis.call('HGET', KEYS[1], 'builder') ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[1], 'builder', 'builder_until')
return 1
