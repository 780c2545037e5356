-- What every node has spent and holds in a day, in its month, and in sessions.
-- KEYS  1 daily cost  2 monthly cost  3 session cost  4 held
-- ARGV  none
-- Returns {daily, monthly, sessions, held}: each field, amount, field, amount, ...; those of held as cells.v1 names them

return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4])}
