/**
 * One upstream's circuit in one worker. Closed: attempts are made and counted. Open: none is made for `openSeconds`.
 * Half-open: one is made, the probe, and its outcome closes or opens the circuit. Attempts carry the turn in which they
 * were admitted: what comes of one that began before the circuit opened says nothing about the upstream of now.
 */
import type { Upstream } from '@sluice/proto/config'

export type CircuitBreakerSettings = NonNullable<Upstream['circuitBreaker']>

export type CircuitState = 'closed' | 'half-open' | 'open'
/** By hand: nothing is sent, or no failure opens it. */
export type HeldCircuit = 'open' | 'closed' | undefined

/** Answers and failures of the last ten seconds, in buckets of one. */
const bucketMs = 1000
const buckets = 10
/** What an attempt is admitted under when it is not. */
export const notAdmitted = 0

export class CircuitBreaker {
  settings: CircuitBreakerSettings
  /** How often it has opened. */
  opened = 0
  private state: CircuitState = 'closed'
  private turn = 1
  private isProbing = false
  private openUntil = 0
  private failuresInARow = 0
  private readonly ended = new Float64Array(buckets)
  private readonly failed = new Float64Array(buckets)
  private readonly seconds = new Float64Array(buckets).fill(-1)
  private held: HeldCircuit

  constructor(settings: CircuitBreakerSettings) {
    this.settings = settings
  }

  /** The turn of the attempt that may be made now, `notAdmitted` when none may. The outcome is told with it. */
  admit(nowMs: number): number {
    if (this.state === 'closed') return this.turn
    if (this.state === 'open' && nowMs >= this.openUntil) this.enter('half-open')
    if (this.state === 'open' || this.isProbing) return notAdmitted
    this.isProbing = true
    return this.turn
  }

  /** Opens or closes it by hand, until told `undefined`: then it begins closed, as at the start. */
  hold(held: HeldCircuit): void {
    if (held === this.held) return
    this.held = held
    this.openUntil = held === 'open' ? Infinity : 0
    this.enter(held === 'open' ? 'open' : 'closed')
  }

  noteSuccess(turn: number, nowMs: number): void {
    if (turn !== this.turn) return
    if (this.state === 'half-open') return this.enter('closed')
    this.failuresInARow = 0
    this.count(nowMs, 0)
  }

  noteFailure(turn: number, nowMs: number): void {
    if (turn !== this.turn) return
    if (this.state === 'half-open') return this.open(nowMs)
    this.failuresInARow++
    this.count(nowMs, 1)
    if (this.failuresInARow >= this.settings.consecutiveFailures || this.failsTooOften(nowMs)) this.open(nowMs)
  }

  /** An answer that is the client's fault: nothing while closed; the probe's shows that the upstream answers again. */
  noteRefusal(turn: number): void {
    if (turn === this.turn && this.state === 'half-open') this.enter('closed')
  }

  /** The attempt ended without a word on the upstream. If it was the probe, the next request is. */
  release(turn: number): void {
    if (turn === this.turn) this.isProbing = false
  }

  /** As a request would find it: an open circuit whose time is over is half-open. */
  stateAt(nowMs: number): CircuitState {
    return this.state === 'open' && nowMs >= this.openUntil ? 'half-open' : this.state
  }

  /** Until a request may be sent, at least 1. */
  retryAfterSeconds(nowMs: number): number {
    const untilMs = this.held === 'open' ? nowMs + this.settings.openSeconds * 1000 : this.openUntil
    return Math.max(1, Math.ceil((untilMs - nowMs) / 1000))
  }

  private open(nowMs: number): void {
    if (this.held === 'closed') return
    this.opened++
    this.openUntil = nowMs + this.settings.openSeconds * 1000
    this.enter('open')
  }

  private enter(state: CircuitState): void {
    this.state = state
    this.turn++
    this.isProbing = false
    this.failuresInARow = 0
    this.seconds.fill(-1)
  }

  private count(nowMs: number, failures: number): void {
    const second = Math.floor(nowMs / bucketMs)
    const at = second % buckets
    if (this.seconds[at] !== second) {
      this.seconds[at] = second
      this.ended[at] = 0
      this.failed[at] = 0
    }
    this.ended[at]! += 1
    this.failed[at]! += failures
  }

  private failsTooOften(nowMs: number): boolean {
    const oldest = Math.floor(nowMs / bucketMs) - buckets
    let ended = 0
    let failed = 0
    for (let at = 0; at < buckets; at++) {
      if (this.seconds[at]! <= oldest) continue
      ended += this.ended[at]!
      failed += this.failed[at]!
    }
    return ended >= this.settings.minimumRequests && failed * 100 >= ended * this.settings.errorRatePercent
  }
}
