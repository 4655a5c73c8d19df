/**
 * Responses in Redis, for all edges. Purges delete nothing there: they are numbered in a list that every instance holds in memory, and a response carries
 * the number of the newest one that was known when it was asked for. What a later purge concerns is passed over, wherever it was written.
 */
import { createHash } from 'node:crypto'
import { BudgetedRedis } from '@sluice/databases/budgeted-redis'
import { SluiceError } from '@sluice/errors'
import type { z } from 'zod'
import type { CacheEntry, CacheStore, Purge } from '../cache-store.ts'
import { PurgeLog } from '../purge-log.ts'
import { readSettings } from '../settings.ts'
import { bytesOf, entryOf } from './kept-bytes.ts'
import { type RedisCacheSettings, schema } from './schema.ts'

export interface RedisCacheParts {
  readonly clock: { now(): number }
  /** Told of what the connection has to say. May come often. */
  readonly onConnectionError?: (error: unknown) => void
}

/** Connects in the background, for as long as it takes; until then nothing is kept and nothing found. Throws `config.invalid`. */
export function createRedisCache(settings: RedisCacheSettings, parts: RedisCacheParts): CacheStore {
  return new RedisCache(readSettings(schema, settings), parts)
}

/** What an instance that has not read the purges hands out: nothing is kept under it. */
const unknown = -1
/** Purges that are remembered; what was asked for before those counts as purged. */
const maxPurges = 10_000
/** Purges that wait for Redis to be told of; beyond it everything is purged. */
const maxPending = 1000
const againMs = 1000

/** Numbers follow the server's clock, in µs, so that they go on rising when it was emptied. One purge has one number, whoever tells of it. */
const numberScript = `
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known then return known end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
local time = redis.call('TIME')
local number = math.max((tonumber(last[2]) or 0) + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
redis.call('ZADD', KEYS[1], string.format('%.0f', number), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[2]))
return string.format('%.0f', number)`

class RedisCache implements CacheStore {
  readonly #redis: BudgetedRedis
  readonly #parts: RedisCacheParts
  readonly #keyPrefix: string
  #log: PurgeLog | undefined
  /** Heard of, and not yet numbered. */
  readonly #pending = new Map<string, Purge>()
  #isReading = false
  /** What is being read may lack a purge. */
  #isOutdated = false
  #again: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(settings: z.output<typeof schema.settings>, parts: RedisCacheParts) {
    this.#parts = parts
    this.#keyPrefix = `${settings.keyPrefix}cache:`
    this.#redis = new BudgetedRedis(settings, {
      onConnectionError: parts.onConnectionError,
      name: 'the kept responses',
      unreachable: (detail, cause) => new SluiceError('dependency.cache_unreachable', { detail, cause }),
      onReady: () => this.catchUp(),
    })
  }

  get healthy(): boolean {
    return this.#redis.healthy && this.#log !== undefined && this.#pending.size === 0
  }

  mark(): number {
    return this.#log === undefined || this.#pending.size > 0 ? unknown : this.#log.newest
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    if (!this.healthy) return undefined
    try {
      const bytes = await this.#redis.inTime(() => this.#redis.client.getBuffer(this.#keyOf(key)))
      const found = bytes === null ? undefined : entryOf(bytes)
      // What has come to be known meanwhile counts.
      if (found === undefined || !this.healthy || this.#log!.covers(found.entry, found.mark)) return undefined
      return found.entry.keepUntilMs <= this.#parts.clock.now() ? undefined : found.entry
    } catch {
      return undefined
    }
  }

  put(key: string, entry: CacheEntry, mark: number): void {
    const lastsMs = Math.floor(entry.keepUntilMs - this.#parts.clock.now())
    if (!this.healthy || mark === unknown || lastsMs <= 0 || this.#log!.covers(entry, mark)) return
    this.#tell(() => this.#redis.client.set(this.#keyOf(key), bytesOf(entry, mark), 'PX', lastsMs))
  }

  remove(key: string): void {
    this.#tell(() => this.#redis.client.del(this.#keyOf(key)))
  }

  async purge(purge: Purge): Promise<void> {
    this.#pending.set(purge.id, purge)
    if (this.#pending.size > maxPending) this.#pendEverything(purge.id)
    try {
      await this.#number(purge)
    } catch (error) {
      this.#trySoon()
      throw error
    }
  }

  catchUp(): void {
    this.#log = undefined
    this.#isOutdated = true
    if (this.#isReading) return
    this.#isReading = true
    this.#read()
      .catch(() => this.#trySoon())
      .finally(() => (this.#isReading = false))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#again)
    await this.#redis.close()
  }

  /** All purges that are remembered, and those that only this instance knows of; again when there was another one meanwhile. */
  async #read(): Promise<void> {
    let log: PurgeLog | undefined
    while (log === undefined || this.#isOutdated) {
      for (const purge of [...this.#pending.values()]) await this.#number(purge)
      this.#isOutdated = false
      log = await this.#remembered()
    }
    this.#log = log
  }

  async #remembered(): Promise<PurgeLog> {
    const flat = await this.#redis.inTime(() => this.#redis.client.zrange(this.#purgesKey, '0', '-1', 'WITHSCORES'))
    const log = new PurgeLog()
    // There may have been others before the first that is left.
    if (flat.length / 2 >= maxPurges) log.raiseFloor(Number(flat[1]) - 1)
    for (let at = 0; at < flat.length; at += 2) log.add(Number(flat[at + 1]), JSON.parse(flat[at]!) as Purge)
    return log
  }

  async #number(purge: Purge): Promise<void> {
    const { id, urls, prefixes, tags, everything } = purge
    const text = JSON.stringify({ id, urls, prefixes, tags, everything })
    const number = await this.#redis.inTime(() => this.#redis.client.eval(numberScript, 1, this.#purgesKey, text, String(maxPurges)))
    if (this.#log === undefined) this.#isOutdated = true
    else this.#log.add(Number(number), purge)
    this.#pending.delete(id)
  }

  #pendEverything(id: string): void {
    this.#pending.clear()
    this.#pending.set(id, { id, urls: [], prefixes: [], tags: [], everything: true })
  }

  /** A call that timed out leaves the connection as it is: nobody else would ask again. */
  #trySoon(): void {
    if (this.#isClosed) return
    clearTimeout(this.#again)
    this.#again = setTimeout(() => this.catchUp(), againMs).unref()
  }

  /** In the background; what does not come about was not kept. */
  #tell(call: () => Promise<unknown>): void {
    this.#redis.inTime(call).catch(() => {})
  }

  get #purgesKey(): string {
    return `${this.#keyPrefix}purges`
  }

  #keyOf(key: string): string {
    return `${this.#keyPrefix}${createHash('sha256').update(key).digest('base64url')}`
  }
}
