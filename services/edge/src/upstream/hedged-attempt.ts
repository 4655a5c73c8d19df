/**
 * One request sent to a second endpoint, and a third, while the first one keeps it waiting; the first answer counts and the others
 * are ended ("hedged requests", Dean and Barroso, The Tail at Scale, CACM 56/2, 2013). To the walk it looks like one attempt.
 * Made only where an upstream asks for it, for safe requests without a body.
 */
import type { EndpointState } from '@sluice/balancers/balancer'
import type { ErrorCode } from '@sluice/errors'
import { HeaderFields } from '@sluice/http'
import type { Clock, MetricsRegistry } from '@sluice/service-kit'
import type { KeyedExchange } from '../balancer/pick-key.ts'
import { blamesEndpoint, isUnreachable } from './retry-rule.ts'
import type { Attempt, AttemptHandler } from './upstream-client.ts'

/** What of an upstream's state a hedge uses. */
export interface HedgedUpstream {
  readonly name: string
  readonly budget: { takeRetry(nowMs: number): boolean }
  hedgeAfterMs(): number | undefined
  admit(nowMs: number): number
  pick(nowMs: number, tried: ReadonlySet<string>, exchange: KeyedExchange): EndpointState | undefined
  noteAnswer(endpoint: EndpointState, status: number, headers: HeaderFields, ms: number, turn: number, nowMs: number): void
  noteFailure(endpoint: EndpointState, unreachable: boolean, ms: number, turn: number, nowMs: number): void
  noteOvertaken(endpoint: EndpointState, ms: number, nowMs: number): void
  release(turn: number): void
}

/** The walk whose request it is. */
interface HedgedWalk extends AttemptHandler {
  readonly exchange: KeyedExchange & { readonly isOver: boolean; tried: Set<string> | undefined; attempts: number }
}

/** The attempts among which it counts as one. They always follow one of the runners, and free what that one holds. */
export interface HedgingAttempts {
  readonly walk: HedgedWalk
  send(endpoint: EndpointState, headers: HeaderFields, now: number, handler: AttemptHandler): Attempt
  /** From here on this is the attempt that the exchange is about. */
  follow(endpoint: EndpointState, turn: number, since: number): void
}

type Outcome = 'won' | 'lost' | 'failed' | 'withheld'

/** Counts the attempts that were made beside a first one. */
export interface HedgeCounts {
  count(upstream: string, outcome: Outcome): void
}

export function countHedges(metrics: MetricsRegistry): HedgeCounts {
  const attempts = metrics.counter(
    'sluice_hedged_attempts_total',
    'Attempts made beside one that keeps waiting, by what became of them; withheld: for lack of another endpoint or of budget.',
    ['upstream', 'outcome'],
  )
  return { count: (upstream, outcome) => attempts.with(upstream, outcome).add(1) }
}

export interface HedgeParts {
  readonly clock: Clock
  readonly counts: HedgeCounts
}

export class HedgedAttempt implements Attempt {
  readonly walk: HedgedWalk
  private readonly attempts: HedgingAttempts
  private readonly parts: HedgeParts
  private readonly upstream: HedgedUpstream
  private readonly headers: HeaderFields
  private readonly most: number
  private readonly runners: Runner[] = []
  /** Whom the attempts follow. */
  private leader: Runner
  private begun = 0
  /** It is known whose answer counts. */
  private isSettled = false
  private timer: NodeJS.Timeout | undefined

  /** The first endpoint has been picked already. `headers` are the request's own, which it is sent there with. */
  constructor(parts: HedgeParts, attempts: HedgingAttempts, upstream: HedgedUpstream, headers: HeaderFields, first: { endpoint: EndpointState; turn: number; most: number; now: number }) {
    this.parts = parts
    this.attempts = attempts
    this.walk = attempts.walk
    this.upstream = upstream
    this.headers = headers
    this.most = first.most
    this.leader = new Runner(this, first.endpoint, first.turn, first.now)
    this.runners.push(this.leader)
    this.leader.attempt = attempts.send(first.endpoint, headers, first.now, this.leader)
    this.waitForMore()
  }

  pause(): void {
    this.leader.attempt?.pause()
  }

  resume(): void {
    this.leader.attempt?.resume()
  }

  abort(): void {
    this.settle('lost')
    for (const runner of [...this.runners]) {
      runner.attempt?.abort()
      if (runner !== this.leader) this.leave(runner, 'lost')
    }
  }

  /** The first answer counts; one of 500 or more only when nobody else is on the way. */
  onHead(runner: Runner, status: number, fields: string[], isWhole: boolean | undefined): void {
    const now = this.parts.clock.monotonic()
    if (status >= 500 && this.runners.length > 1) {
      this.upstream.noteAnswer(runner.endpoint, status, new HeaderFields(fields), now - runner.since, runner.turn, now)
      runner.attempt?.abort()
      return this.leave(runner, 'failed')
    }
    this.win(runner, now)
    this.walk.onHead(status, fields, isWhole)
  }

  onFailure(runner: Runner, code: ErrorCode, sent: boolean, cause: unknown): void {
    if (this.runners.length === 1) {
      this.settle('failed')
      return this.walk.onFailure(code, sent, cause)
    }
    const now = this.parts.clock.monotonic()
    if (blamesEndpoint(code, false, false)) this.upstream.noteFailure(runner.endpoint, isUnreachable(code), now - runner.since, runner.turn, now)
    this.leave(runner, 'failed')
  }

  private win(winner: Runner, now: number): void {
    this.lead(winner)
    this.settle('won')
    for (const runner of [...this.runners]) {
      if (runner === winner) continue
      this.upstream.noteOvertaken(runner.endpoint, now - runner.since, now)
      runner.attempt?.abort()
      this.leave(runner, 'lost')
    }
  }

  private settle(outcome: Outcome): void {
    clearTimeout(this.timer)
    if (!this.isSettled && this.leader.isHedge) this.count(outcome)
    this.isSettled = true
  }

  /** What the runner held is free again; were it the leader, another one is now. */
  private leave(runner: Runner, outcome: Outcome): void {
    this.runners.splice(this.runners.indexOf(runner), 1)
    if (runner === this.leader) this.lead(this.runners[0]!)
    const { exchange } = this.walk
    exchange.tried ??= new Set()
    exchange.tried.add(runner.endpoint.id)
    this.upstream.release(runner.turn)
    runner.endpoint.open--
    if (runner.isHedge) this.count(outcome)
  }

  private lead(runner: Runner): void {
    if (runner === this.leader) return
    this.leader = runner
    this.attempts.follow(runner.endpoint, runner.turn, runner.since)
  }

  private waitForMore(): void {
    const afterMs = this.begun < this.most ? this.upstream.hedgeAfterMs() : undefined
    if (afterMs !== undefined) this.timer = setTimeout(() => this.hedge(), afterMs)
  }

  private hedge(): void {
    // With `onClientAbort: continue` the attempt goes on when nobody waits for it any more.
    if (this.walk.exchange.isOver) return
    const now = this.parts.clock.monotonic()
    const turn = this.upstream.admit(now)
    if (turn === 0) return this.count('withheld')
    const { exchange } = this.walk
    const taken = new Set([...(exchange.tried ?? []), ...this.runners.map(({ endpoint }) => endpoint.id)])
    const endpoint = this.upstream.pick(now, taken, exchange)
    if (endpoint === undefined || !this.upstream.budget.takeRetry(now)) {
      this.upstream.release(turn)
      return this.count('withheld')
    }
    this.begun++
    exchange.attempts++
    endpoint.open++
    const runner = new Runner(this, endpoint, turn, now, true)
    this.runners.push(runner)
    // The first attempt may still have to be written, with the fields that it was given.
    runner.attempt = this.attempts.send(endpoint, new HeaderFields([...this.headers.flat]), now, runner)
    this.waitForMore()
  }

  private count(outcome: Outcome): void {
    this.parts.counts.count(this.upstream.name, outcome)
  }
}

/** One of the attempts. Body and end come from the one that has won. */
class Runner implements AttemptHandler {
  readonly endpoint: EndpointState
  readonly turn: number
  readonly since: number
  readonly isHedge: boolean
  attempt: Attempt | undefined
  private readonly race: HedgedAttempt

  constructor(race: HedgedAttempt, endpoint: EndpointState, turn: number, since: number, isHedge = false) {
    this.race = race
    this.endpoint = endpoint
    this.turn = turn
    this.since = since
    this.isHedge = isHedge
  }

  onHead(status: number, fields: string[], isWhole?: boolean): void {
    this.race.onHead(this, status, fields, isWhole)
  }

  onUpgrade(...upgraded: Parameters<AttemptHandler['onUpgrade']>): void {
    this.race.walk.onUpgrade(...upgraded)
  }

  onData(chunk: Uint8Array): boolean | void {
    return this.race.walk.onData(chunk)
  }

  onEnd(trailers?: readonly string[]): void {
    this.race.walk.onEnd(trailers)
  }

  onFailure(code: ErrorCode, sent: boolean, cause: unknown): void {
    this.race.onFailure(this, code, sent, cause)
  }
}
