-- Replaces an entry's value if it is still the expected one; an empty value removes it.
-- KEYS  1 entry  2 the partition's tally of the day
-- ARGV  1 expected value  2 value  3 most bytes a day; -1 does not count
-- Returns 1 when changed, 0 when the value differs, 2 when the day's tally is full

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  return 1
end
if tonumber(ARGV[3]) >= 0 then
  if redis.call('HINCRBY', KEYS[2], 'bytes', #ARGV[2]) > tonumber(ARGV[3]) then
    redis.call('HINCRBY', KEYS[2], 'bytes', -#ARGV[2])
    return 2
  end
  redis.call('EXPIRE', KEYS[2], 172800)
end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
