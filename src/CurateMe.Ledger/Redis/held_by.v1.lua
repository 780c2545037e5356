-- What some replicas hold.
-- KEYS  1 holds
-- ARGV  their names
-- Returns the records as they were held

local wanted = {}
for _, name in ipairs(ARGV) do
  wanted[name] = true
end
local records = {}
for _, value in ipairs(redis.call('HVALS', KEYS[1])) do
  local hold = cmsgpack.unpack(value)
  if wanted[hold[3]] then
    records[#records + 1] = hold[5]
  end
end
return records
