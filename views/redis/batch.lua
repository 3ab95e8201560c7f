-- Writes one batch of one partition, together or not at all, and answers the view's place after it.
-- KEYS[1]  the view's place; then the keys of each operation, in order
-- ARGV     from, to, events kept in a stream; then each operation with its arguments:
--   run    stream, head | epoch, how many events, inbox_seq of the first, then the events: their numbers have no gap
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

-- What a stream keeps is contiguous: behind a hole, or in a new epoch, it begins anew. What is there already is passed over.
local function append(stream, head, epoch, count, first, at)
  local h = redis.call('HMGET', head, 'inbox_seq', 'epoch')
  local newest, era = tonumber(h[1] or '0'), tonumber(h[2] or '0')
  local e, n = tonumber(epoch), tonumber(first)
  local last = n + count - 1
  if e < era or (e == era and last <= newest) then
    return
  end
  if e == era and n <= newest then
    at, n = at + newest + 1 - n, newest + 1
  elseif e ~= era or n ~= newest + 1 then
    redis.call('DEL', stream)
  end
  for number = n, last - 1 do
    redis.call('XADD', stream, string.format('%.0f-0', number), 'e', ARGV[at + number - n])
  end
  redis.call('XADD', stream, 'MAXLEN', '=', kept, string.format('%.0f-0', last), 'e', ARGV[at + last - n])
  redis.call('HSET', head, 'inbox_seq', string.format('%.0f', last), 'epoch', epoch)
end

while a <= #ARGV do
  local operation = ARGV[a]
  if operation == 'run' then
    local count = tonumber(ARGV[a + 2])
    append(KEYS[k], KEYS[k + 1], ARGV[a + 1], count, ARGV[a + 3], a + 4)
    k, a = k + 2, a + 4 + count
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
