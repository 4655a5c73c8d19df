/**
 * `mode: auto`: a key that is asked for often is counted in chunks. One question to the shared counters takes a chunk
 * of tokens, which are then spent here without asking; what is not spent soon is given back. A chunk is taken exactly
 * as a single request would be, so no more is ever admitted than the limit allows. The price: tokens that lie here
 * unspent (an eighth of what was left when they were taken and a quarter of that, for at most `leaseMs`) may be refused elsewhere meanwhile.
 * The next chunk is asked for while a quarter of the last one is left, and what was spent while a quarter of its time is, so that no request waits for it.
 * Below `hotPerSecond` requests of a key a second every request is counted by itself. Counters that are far away are
 * asked more seldom: chunks come at once and last longer, and after a refusal nobody asks until it ends.
 */
import type { Counters, LimitRule, Take } from '@sluice/counters/counter'
import type { Clock } from '@sluice/service-kit'

type SharedCounters = Pick<Counters, 'take' | 'giveBack'>

const nearLeases = { hotPerSecond: 50, leaseMs: 200, believesRefusals: false }
const maxChunk = 64
/** Of what is left, the part that one chunk may take. */
const chunkShare = 1 / 8
/** Of a chunk and of its time, what is left of it when the next one is asked for; smaller chunks are at the end of a limit and not taken ahead. */
const aheadShare = 1 / 4
const minAheadChunk = 16
const maxKeys = 100_000

interface Key {
  readonly key: string
  readonly rule: LimitRule
  tokens: number
  /** With fewer than these the next chunk is asked for; 0: it is not, or has been. */
  aheadBelow: number
  expiresAt: number
  /** The last answer of the shared counters, and when it came. */
  answer: Take | undefined
  answeredAt: number
  secondBegan: number
  count: number
  isHot: boolean
  /** Believed until then. */
  refusedUntil: number
  /** The question under way; others of this key wait for it. */
  asking: Promise<Take> | undefined
}

/** Begins to do something again and again; the answer ends it. */
export type Repeat = (work: () => void, everyMs: number) => () => void

const byTimer: Repeat = (work, everyMs) => {
  const timer = setInterval(work, everyMs).unref()
  return () => clearInterval(timer)
}

export interface LeaseOptions {
  readonly hotPerSecond?: number
  readonly leaseMs?: number
  /** After a refusal no further question is asked until it says one would pass, or a chunk would have ended. */
  readonly believesRefusals?: boolean
  /** What sweeps unspent chunks [a timer]. */
  readonly repeat?: Repeat | undefined
}

export class ChunkLeases implements Pick<Counters, 'take'> {
  private readonly shared: SharedCounters
  private readonly clock: Clock
  private readonly keys = new Map<string, Key>()
  private readonly repeat: Repeat
  private readonly hotPerSecond: number
  private readonly leaseMs: number
  private readonly believesRefusals: boolean
  private endSweeps: (() => void) | undefined

  constructor(shared: SharedCounters, clock: Clock, options: LeaseOptions = {}) {
    this.repeat = options.repeat ?? byTimer
    this.hotPerSecond = options.hotPerSecond ?? nearLeases.hotPerSecond
    this.leaseMs = options.leaseMs ?? nearLeases.leaseMs
    this.believesRefusals = options.believesRefusals ?? nearLeases.believesRefusals
    this.shared = shared
    this.clock = clock
  }

  /** Synchronous while a chunk lasts. Rejects as the shared counters do. */
  take(key: string, rule: LimitRule, cost: number): Take | Promise<Take> {
    const now = this.clock.monotonic()
    const known = this.keys.get(key) ?? this.add(key, rule, now)
    this.count(known, now)
    if (known.tokens >= cost && now < known.expiresAt) {
      const taken = this.spend(known, cost, now)
      if (known.aheadBelow > 0 && known.asking === undefined) this.lookAhead(known, now)
      return taken
    }
    if (now < known.refusedUntil) return this.refuse(known, now)
    if (!known.isHot || rule.algorithm !== 'token-bucket') return this.shared.take(key, rule, cost)
    if (known.asking !== undefined) return known.asking.then(() => this.again(known, cost), () => this.shared.take(key, rule, cost))
    return this.ask(known, cost)
  }

  stop(): void {
    this.rest()
    for (const key of this.keys.values()) this.giveBack(key)
    this.keys.clear()
  }

  private again(key: Key, cost: number): Take | Promise<Take> {
    const now = this.clock.monotonic()
    if (key.tokens >= cost && now < key.expiresAt) return this.spend(key, cost, now)
    return this.shared.take(key.key, key.rule, cost)
  }

  private async ask(key: Key, cost: number): Promise<Take> {
    const chunk = chunkFor(key, cost)
    const asking = this.askFor(key, cost, chunk)
    key.asking = asking
    try {
      return await asking
    } finally {
      key.asking = undefined
    }
  }

  /** Nobody waits for it: what goes wrong the next request hears that has to ask. */
  private lookAhead(key: Key, now: number): void {
    const chunk = chunkFor(key, 1)
    const isSpent = key.tokens < key.aheadBelow
    if (!isSpent && now < key.expiresAt - this.leaseMs * aheadShare) return
    key.aheadBelow = 0
    const asking = this.takeAhead(key, chunk, isSpent ? chunk : Math.max(1, chunk - Math.floor(key.tokens)))
    key.asking = asking
    const over = (): void => void (key.asking = undefined)
    asking.then(over, over)
  }

  private async takeAhead(key: Key, chunk: number, wanted: number): Promise<Take> {
    const taken = await this.shared.take(key.key, key.rule, wanted)
    if (taken.admitted) this.stock(key, taken, key.tokens + wanted, chunk)
    return taken
  }

  private stock(key: Key, taken: Take, tokens: number, chunk: number): void {
    const now = this.clock.monotonic()
    key.answer = taken
    key.answeredAt = now
    key.tokens = tokens
    key.aheadBelow = chunk < minAheadChunk ? 0 : chunk * aheadShare
    key.expiresAt = now + this.leaseMs
  }

  private async askFor(key: Key, cost: number, chunk: number): Promise<Take> {
    const taken = await this.shared.take(key.key, key.rule, chunk)
    const now = this.clock.monotonic()
    if (!taken.admitted && chunk > cost) {
      key.answer = undefined
      const last = await this.shared.take(key.key, key.rule, cost)
      if (!last.admitted) this.believe(key, last, this.clock.monotonic())
      return last
    }
    if (!taken.admitted) {
      key.answer = taken
      key.answeredAt = now
      this.believe(key, taken, now)
      return taken
    }
    this.giveBack(key)
    this.stock(key, taken, chunk, chunk)
    return this.spend(key, cost, now)
  }

  private spend(key: Key, cost: number, now: number): Take {
    key.tokens -= cost
    const { remaining, resetMs } = key.answer!
    const perToken = key.rule.windowMs / key.rule.limit
    const unspentMs = key.tokens * perToken
    return {
      admitted: true,
      remaining: remaining + Math.floor(key.tokens),
      resetMs: Math.max(0, resetMs - unspentMs - (now - key.answeredAt)),
      retryAfterMs: 0,
      waitMs: 0,
    }
  }

  private believe(key: Key, refusal: Take, now: number): void {
    if (!this.believesRefusals) return
    key.answer = refusal
    key.answeredAt = now
    key.refusedUntil = now + Math.min(refusal.retryAfterMs, this.leaseMs)
  }

  private refuse(key: Key, now: number): Take {
    const { remaining, resetMs, retryAfterMs } = key.answer!
    const passed = now - key.answeredAt
    return { admitted: false, remaining, resetMs: Math.max(0, resetMs - passed), retryAfterMs: Math.max(0, retryAfterMs - passed), waitMs: 0 }
  }

  private count(key: Key, now: number): void {
    if (now - key.secondBegan >= 1000) {
      key.isHot = key.count >= this.hotPerSecond && now - key.secondBegan < 2000
      key.secondBegan = now
      key.count = 0
    }
    key.count++
    if (key.count > this.hotPerSecond) key.isHot = true
  }

  private add(key: string, rule: LimitRule, now: number): Key {
    const made: Key = { key, rule, tokens: 0, aheadBelow: 0, expiresAt: 0, answer: undefined, answeredAt: 0, secondBegan: now, count: 0, isHot: false, refusedUntil: 0, asking: undefined }
    if (this.keys.size >= maxKeys) return made
    this.keys.set(key, made)
    this.endSweeps ??= this.repeat(() => this.sweep(), this.leaseMs)
    return made
  }

  private sweep(): void {
    const now = this.clock.monotonic()
    for (const key of this.keys.values()) {
      if (now >= key.expiresAt) this.giveBack(key)
      if (now - key.secondBegan > 2000 && key.tokens < 1 && key.asking === undefined) this.keys.delete(key.key)
    }
    if (this.keys.size === 0) this.rest()
  }

  private rest(): void {
    this.endSweeps?.()
    this.endSweeps = undefined
  }

  private giveBack(key: Key): void {
    const { tokens } = key
    key.tokens = 0
    // Whole tokens only: of a part nobody can tell whether it was spent.
    if (tokens >= 1) void Promise.resolve(this.shared.giveBack(key.key, key.rule, Math.floor(tokens))).catch(() => undefined)
  }
}

/** At most an eighth of what the last answer left, and never less than the request needs. */
function chunkFor(key: Key, cost: number): number {
  if (key.answer === undefined) return cost
  return Math.max(cost, Math.min(maxChunk, Math.floor(key.answer.remaining * chunkShare)))
}
