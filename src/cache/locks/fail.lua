-- Looks at a streak of failures, adds one, or ends it: the sums of streak.rs, by this server's clock.
-- ARGV: 'look', 'fail' or 'clear', how many failures are forgiven, the microseconds of the window and
-- of each lock. Returns the microseconds for which the name is locked now.

if ARGV[1] == 'clear' then
  redis.call('DEL', KEYS[1])
  return { '0' }
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local failures, at, till = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+) (%d+)$')
failures, at, till = tonumber(failures) or 0, tonumber(at) or 0, tonumber(till) or 0

if ARGV[1] == 'fail' then
  local window = tonumber(ARGV[3])
  if now > math.max(at, till) + window then
    failures = 0
  end
  failures = failures + 1
  local nth = math.min(failures - tonumber(ARGV[2]), #ARGV - 3)
  at, till = now, now
  if nth > 0 then
    till = now + tonumber(ARGV[3 + nth])
  end
  local kept = math.ceil((till - now + window) / 1000) + 1
  local streak = string.format('%.0f %.0f %.0f', failures, at, till)
  redis.call('SET', KEYS[1], streak, 'PX', string.format('%.0f', kept))
end

return { string.format('%.0f', math.max(till - now, 0)) }
