-- Takes from all the buckets KEYS, or from none: the sums of bucket.rs, by this server's clock.
-- ARGV: 'take' or 'add', then for each key its limit, the microseconds of its period, the tokens.
-- 'add' takes whether it fits or not, and gives back what is negative.
-- Returns whether it was taken, the time, and what is missing from each bucket now.

local DEEPEST = 60

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local missing, after = {}, {}
local is_taken = 1

for i, key in ipairs(KEYS) do
  local limit = tonumber(ARGV[3 * i - 1])
  local per = tonumber(ARGV[3 * i])
  local units = tonumber(ARGV[3 * i + 1]) * per
  local was, at = string.match(redis.call('GET', key) or '', '^(%d+) (%d+)$')
  local elapsed = math.max(now - (tonumber(at) or now), 0)
  missing[i] = math.max((tonumber(was) or 0) - limit * elapsed, 0)
  after[i] = math.min(math.max(missing[i] + units, 0), DEEPEST * limit * per)
  if ARGV[1] == 'take' and missing[i] + units > limit * per then
    is_taken = 0
  end
end

local reply = { is_taken, string.format('%.0f', now) }
for i, key in ipairs(KEYS) do
  if is_taken == 1 then
    missing[i] = after[i]
    if missing[i] > 0 then
      -- A millisecond more, as Redis counts in whole ones.
      local full_in = math.ceil(missing[i] / tonumber(ARGV[3 * i - 1]) / 1000) + 1
      redis.call('SET', key, string.format('%.0f %.0f', missing[i], now), 'PX', string.format('%.0f', full_in))
    else
      redis.call('DEL', key)
    end
  end
  reply[i + 2] = string.format('%.0f', missing[i])
end
return reply
