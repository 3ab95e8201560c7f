-- Writes one batch of one partition, together or not at all, and returns the view's checkpoint after it.
-- KEYS[1]  the view's checkpoint; then the keys of each operation, in order
-- ARGV     from, to; then each operation with its arguments. A value follows its position (20 digits):
--   run    stream, head | epoch, number of the first event, of the last, of the oldest to be kept, the events: no gap in them
--   value  hash         | field, value
--   line   hash, order  | field, value, score
local checkpoint = tonumber(redis.call('GET', KEYS[1]) or '0')
local from, to = tonumber(ARGV[1]), tonumber(ARGV[2])
if checkpoint < from then
  return checkpoint -- something before this batch is not here: the view must go back
end

local k, a = 2, 3

-- A value is replaced only by one of a newer position.
local function put(hash, field, value)
  local old = redis.call('HGET', hash, field)
  if old and string.sub(old, 1, 20) >= string.sub(value, 1, 20) then
    return false
  end
  redis.call('HSET', hash, field, value)
  return true
end

-- What a stream keeps is contiguous: behind a hole, or in a new epoch, it begins anew. What is there already is skipped;
-- a run that is there in part is written whole, and readers leave out the part.
local function append(stream, head, epoch, first, last, oldest, events)
  local h = redis.call('HMGET', head, 'inbox_seq', 'epoch')
  local newest, era = tonumber(h[1] or '0'), tonumber(h[2] or '0')
  local e = tonumber(epoch)
  if e < era or (e == era and tonumber(last) <= newest) then
    return
  end
  if e ~= era or tonumber(first) > newest + 1 then
    redis.call('DEL', stream)
  end
  redis.call('XADD', stream, 'MINID', '~', oldest, last .. '-0', 'run', events)
  redis.call('HSET', head, 'inbox_seq', last, 'epoch', epoch)
end

while a <= #ARGV do
  local operation = ARGV[a]
  if operation == 'run' then
    append(KEYS[k], KEYS[k + 1], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5])
    k, a = k + 2, a + 6
  elseif operation == 'value' then
    put(KEYS[k], ARGV[a + 1], ARGV[a + 2])
    k, a = k + 1, a + 3
  else
    if put(KEYS[k], ARGV[a + 1], ARGV[a + 2]) then
      redis.call('ZADD', KEYS[k + 1], ARGV[a + 3], ARGV[a + 1])
    end
    k, a = k + 2, a + 4
  end
end

if checkpoint < to then
  redis.call('SET', KEYS[1], ARGV[2])
  return to
end
return checkpoint
