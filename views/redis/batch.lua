-- Writes one batch of one partition, together or not at all, and answers the view's place after it.
-- KEYS[1]  the view's place; then the keys of each operation, in order
-- ARGV     from, to, events kept in a stream; then each operation with its arguments:
--   entry  stream, head | inbox_seq, epoch, event
--   value  hash         | field, position, value
--   line   hash, order  | field, position, value, score
local place = tonumber(redis.call('GET', KEYS[1]) or '0')
local from, to, kept = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
if place < from then
  return place -- something before this batch is not here: the view must go back
end

local k, a = 2, 4

-- A value stands behind its position (20 digits) and is replaced only by a newer one.
local function put(hash, field, position, value)
  local old = redis.call('HGET', hash, field)
  if old and string.sub(old, 1, 20) >= position then
    return false
  end
  redis.call('HSET', hash, field, position .. value)
  return true
end

-- What a stream keeps is contiguous: behind a hole, or in a new epoch, it begins anew.
local function append(stream, head, number, epoch, event)
  local h = redis.call('HMGET', head, 'inbox_seq', 'epoch')
  local newest, era = tonumber(h[1] or '0'), tonumber(h[2] or '0')
  local n, e = tonumber(number), tonumber(epoch)
  if e < era or (e == era and n <= newest) then
    return
  end
  if e ~= era or n ~= newest + 1 then
    redis.call('DEL', stream)
  end
  redis.call('XADD', stream, 'MAXLEN', '=', kept, number .. '-0', 'e', event)
  redis.call('HSET', head, 'inbox_seq', number, 'epoch', epoch)
end

while a <= #ARGV do
  local operation = ARGV[a]
  if operation == 'entry' then
    append(KEYS[k], KEYS[k + 1], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3])
    k, a = k + 2, a + 4
  elseif operation == 'value' then
    put(KEYS[k], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3])
    k, a = k + 1, a + 4
  else
    if put(KEYS[k], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]) then
      redis.call('ZADD', KEYS[k + 1], ARGV[a + 4], ARGV[a + 1])
    end
    k, a = k + 2, a + 5
  end
end

if place < to then
  redis.call('SET', KEYS[1], ARGV[2])
  return to
end
return place
