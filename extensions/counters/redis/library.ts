/**
 * The algorithms as a Redis function library: one atomic step on the server, by the server's clock, so that edges need
 * not agree on the time. Redis 7.0 or newer, or Valkey. Each is the same as in `memory/`, where it is explained; what
 * a key holds: a bucket, the microsecond at which it is full again (from 2024 on, so that a double keeps fractions of
 * it); a window, its first microsecond and the counts of it and the one before; a log, a list of microseconds, one
 * entry for each unit of cost. A key expires when nothing counts any more.
 *
 * The library's name holds its version: edges of two versions use two libraries side by side, on the same keys.
 */
export const libraryName = 'sluice_limits_3'
export const takeFunction = 'sluice_limits_3_take'
export const peekFunction = 'sluice_limits_3_peek'
export const giveBackFunction = 'sluice_limits_3_give_back'

const buckets = `
local bucket_epoch = 1704067200 * 1000000
-- A sum of fractions comes out a hair too high: a token that is short by less than this is there.
local rounding = 1e-3

local bucket = {}

function bucket.open(key, rule, now)
  local full_at = tonumber(text_of(key)) or 0
  local from = now - bucket_epoch
  return { now = from, spent = math.max(0, full_at - from) / rule.token }
end

function bucket.until_fits(count, rule, cost)
  if cost > rule.burst + rounding then return -1 end
  local excess = count.spent + cost - rule.burst - rule.queue
  if excess <= rounding then return 0 end
  return excess * rule.token
end

function bucket.add(count, rule, cost)
  count.spent = math.max(0, count.spent + cost)
end

function bucket.save(key, count, rule)
  write(key, string.format('%.17g', count.now + count.spent * rule.token), count.spent * rule.token)
end

function bucket.remaining(count, rule) return rule.burst - count.spent + rounding end
function bucket.until_whole(count, rule) return count.spent * rule.token end

function bucket.until_turn(count, rule)
  local excess = count.spent - rule.burst
  if excess <= rounding then return 0 end
  return excess * rule.token
end
`

const windows = `
-- Of the limit: what sums of fractions may be off by.
local slack = 1 + 1e-12

local function open_window(key, rule, now)
  local start, current, previous = string.match(text_of(key), '^(%S+) (%S+) (%S+)$')
  local count = { now = now, start = now - (now - rule.origin) % rule.window, current = 0, previous = 0 }
  start = tonumber(start or '')
  if start == nil then return count end
  -- The server's clock may step back: over the boundary of a window by a little, that window goes on.
  if start == count.start or (start > count.start and start - now < rule.window) then
    count.start, count.current, count.previous = start, tonumber(current), tonumber(previous)
  elseif start + rule.window == count.start then
    count.previous = tonumber(current)
  end
  count.elapsed = math.max(0, now - count.start)
  return count
end

local function save_window(key, count, rule, until_whole)
  write(key, string.format('%.17g %.17g %.17g', count.start, count.current, count.previous), until_whole)
end

local fixed = { open = open_window }

function fixed.until_fits(count, rule, cost)
  if count.current + cost <= rule.limit * slack then return 0 end
  if cost > rule.limit * slack then return -1 end
  return count.start + rule.window - count.now
end

function fixed.add(count, rule, cost) count.current = math.max(0, count.current + cost) end
function fixed.remaining(count, rule) return rule.limit * slack - count.current end

function fixed.until_whole(count, rule)
  if count.current == 0 then return 0 end
  return count.start + rule.window - count.now
end

function fixed.save(key, count, rule) save_window(key, count, rule, fixed.until_whole(count, rule)) end

local sliding = { open = open_window }

local function estimate(count, rule)
  return count.previous * math.max(0, rule.window - math.max(0, count.now - count.start)) / rule.window + count.current
end

function sliding.until_fits(count, rule, cost)
  if estimate(count, rule) + cost <= rule.limit * slack then return 0 end
  if cost > rule.limit * slack then return -1 end
  local room = math.max(0, rule.limit - cost)
  local fits_at = 2 * rule.window - room * rule.window / count.current
  if count.current <= room then fits_at = rule.window - (room - count.current) * rule.window / count.previous end
  return math.max(1, fits_at - math.max(0, count.now - count.start))
end

function sliding.add(count, rule, cost)
  count.current = count.current + cost
  if count.current < 0 then
    count.previous = math.max(0, count.previous + count.current)
    count.current = 0
  end
end

function sliding.remaining(count, rule) return rule.limit * slack - estimate(count, rule) end

function sliding.until_whole(count, rule)
  if count.current > 0 then return count.start + 2 * rule.window - count.now end
  if count.previous > 0 then return count.start + rule.window - count.now end
  return 0
end

function sliding.save(key, count, rule) save_window(key, count, rule, sliding.until_whole(count, rule)) end
`

const log = `
local log = {}

local function logged_at(key, index) return tonumber(redis.call('LINDEX', key, index)) end

-- How many of the entries, which are in the order of time, have left the window.
local function count_expired(key, length, until_us)
  if length == 0 or logged_at(key, 0) > until_us then return 0 end
  local low, high = 1, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if logged_at(key, middle) > until_us then high = middle else low = middle + 1 end
  end
  return low
end

function log.open(key, rule, now)
  local length = redis.pcall('LLEN', key)
  if type(length) ~= 'number' then length = 0 end
  local expired = count_expired(key, length, now - rule.window)
  local newest = now
  if length > expired then newest = logged_at(key, length - 1) end
  return { key = key, now = now, expired = expired, sum = length - expired, length = length, newest = newest, added = 0 }
end

function log.until_fits(count, rule, cost)
  local excess = count.sum + cost - rule.limit
  if excess <= 0 then return 0 end
  if cost > rule.limit then return -1 end
  return math.max(1, logged_at(count.key, count.expired + math.ceil(excess) - 1) + rule.window - count.now)
end

function log.add(count, rule, cost)
  count.added = cost
  count.sum = math.max(0, count.sum + cost)
  -- The server's clock may step back; the list stays in order.
  if cost > 0 then count.newest = math.max(count.newest, count.now) end
end

function log.remaining(count, rule) return rule.limit - count.sum end

function log.until_whole(count, rule)
  if count.sum == 0 then return 0 end
  return count.newest + rule.window - count.now
end

function log.save(key, count, rule)
  if count.sum == 0 or count.length == 0 then redis.call('DEL', key) end
  if count.sum == 0 then return end
  if count.added < 0 then
    redis.call('LTRIM', key, count.expired, count.added - 1)
    count.newest = logged_at(key, -1)
  elseif count.expired > 0 then
    redis.call('LTRIM', key, count.expired, -1)
  end
  local entry = string.format('%.0f', count.newest)
  local batch = {}
  for left = count.added, 1, -1 do
    batch[#batch + 1] = entry
    if #batch == 1000 or left == 1 then
      redis.call('RPUSH', key, unpack(batch))
      batch = {}
    end
  end
  redis.call('PEXPIRE', key, math.max(1, math.ceil(log.until_whole(count, rule) / 1000)))
end
`

/** Replies of `take` and `peek`: admitted (1 or 0), remaining, and µs until whole, until the cost would pass (−1: never), until its turn. */
export const librarySource = `#!lua name=${libraryName}

local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- What a key holds; empty when it is not there or something else.
local function text_of(key)
  local stored = redis.pcall('GET', key)
  if type(stored) == 'string' then return stored end
  return ''
end

local function write(key, text, lasts_us)
  if lasts_us <= 0 then redis.call('DEL', key) else redis.call('SET', key, text, 'PX', math.ceil(lasts_us / 1000)) end
end
${buckets}${windows}${log}
local algorithms = {
  ['token-bucket'] = bucket, ['leaky-bucket'] = bucket, ['fixed-window'] = fixed, ['sliding-window'] = sliding, ['sliding-window-log'] = log,
}

local function read_rule(args)
  local limit, window, burst, max_wait, origin = tonumber(args[2]), tonumber(args[3]), tonumber(args[4]), tonumber(args[5]), tonumber(args[7])
  local token = window / limit
  local queue = 0
  if args[1] == 'leaky-bucket' then queue = math.min(max_wait / token, math.max(limit, burst)) end
  return { limit = limit, window = window, burst = burst, token = token, queue = queue, origin = origin }
end

local function reply(algorithm, count, rule, retry, wait)
  local admitted = 0
  if retry == 0 then admitted = 1 end
  local remaining = math.max(0, math.floor(algorithm.remaining(count, rule)))
  return { admitted, remaining, math.ceil(algorithm.until_whole(count, rule)), math.ceil(retry), math.ceil(wait) }
end

local function take(keys, args)
  local algorithm, rule, cost = algorithms[args[1]], read_rule(args), tonumber(args[6])
  local count = algorithm.open(keys[1], rule, now_us())
  local retry = algorithm.until_fits(count, rule, cost)
  if retry ~= 0 then return reply(algorithm, count, rule, retry, 0) end
  algorithm.add(count, rule, cost)
  algorithm.save(keys[1], count, rule)
  local wait = 0
  if algorithm.until_turn ~= nil then wait = algorithm.until_turn(count, rule) end
  return reply(algorithm, count, rule, 0, wait)
end

local function peek(keys, args)
  local algorithm, rule = algorithms[args[1]], read_rule(args)
  local count = algorithm.open(keys[1], rule, now_us())
  return reply(algorithm, count, rule, algorithm.until_fits(count, rule, 1), 0)
end

local function give_back(keys, args)
  local algorithm, rule = algorithms[args[1]], read_rule(args)
  local count = algorithm.open(keys[1], rule, now_us())
  algorithm.add(count, rule, -tonumber(args[6]))
  algorithm.save(keys[1], count, rule)
  return 1
end

redis.register_function('${takeFunction}', take)
redis.register_function{ function_name = '${peekFunction}', callback = peek, flags = { 'no-writes' } }
redis.register_function('${giveBackFunction}', give_back)
`
