/**
 * GCRA as a Redis function library: one atomic step on the server, by the server's clock, so that edges need not agree
 * on the time. A bucket is the microsecond at which it is full again, counted from 2024 so that a double keeps
 * fractions of it; the key expires at that instant. Redis 7.0 or newer, or Valkey.
 *
 * The library's name holds its version: edges of two versions use two libraries side by side.
 */
export const libraryName = 'sluice_gcra_1'
export const takeFunction = 'sluice_gcra_1_take'
export const peekFunction = 'sluice_gcra_1_peek'
export const giveBackFunction = 'sluice_gcra_1_give_back'

/** Replies of `take` and `peek`: admitted (1 or 0), remaining, µs until full, µs until the cost would pass (−1: never). */
export const librarySource = `#!lua name=${libraryName}

local epoch = 1704067200
-- A sum of fractions comes out a hair too high: a token that is short by less than this is there.
local rounding = 1e-3

local function now_us()
  local time = redis.call('TIME')
  return (tonumber(time[1]) - epoch) * 1000000 + tonumber(time[2])
end

local function read(key, now)
  local stored = tonumber(redis.call('GET', key) or '')
  if stored == nil or stored < now then return now end
  return stored
end

local function write(key, full_at, now)
  if full_at <= now then
    redis.call('DEL', key)
  else
    redis.call('SET', key, string.format('%.17g', full_at), 'PX', math.ceil((full_at - now) / 1000))
  end
end

local function reply(admitted, spent, cost, burst, token_us)
  local remaining = math.max(0, math.floor(burst - spent + rounding))
  local retry = 0
  if not admitted then retry = math.ceil((spent + cost - burst) * token_us) end
  if cost > burst then retry = -1 end
  return { admitted and 1 or 0, remaining, math.ceil(spent * token_us), retry }
end

local function take(keys, args)
  local token_us, burst, cost = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local now = now_us()
  local spent = (read(keys[1], now) - now) / token_us
  if spent + cost > burst + rounding then return reply(false, spent, cost, burst, token_us) end
  write(keys[1], now + (spent + cost) * token_us, now)
  return reply(true, spent + cost, cost, burst, token_us)
end

local function peek(keys, args)
  local token_us, burst = tonumber(args[1]), tonumber(args[2])
  local now = now_us()
  local spent = (read(keys[1], now) - now) / token_us
  return reply(spent + 1 <= burst + rounding, spent, 1, burst, token_us)
end

local function give_back(keys, args)
  local token_us, cost = tonumber(args[1]), tonumber(args[2])
  local now = now_us()
  local full_at = read(keys[1], now)
  if full_at > now then write(keys[1], full_at - cost * token_us, now) end
  return 1
end

redis.register_function('${takeFunction}', take)
redis.register_function{ function_name = '${peekFunction}', callback = peek, flags = { 'no-writes' } }
redis.register_function('${giveBackFunction}', give_back)
`
