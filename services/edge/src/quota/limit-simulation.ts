/**
 * What a limit admits of a stream of requests, beside what one count that sees each of them would admit: predicted by the
 * code that workers run, on counts in memory and a clock that goes from request to request. What it leaves out is
 * the time that a question to the counters takes.
 */
import { countersNamed } from '@sluice/counters'
import type { Counters } from '@sluice/counters/counter'
import type { Limiter, LimiterRules } from '@sluice/policies/policy'
import type { Clock } from '@sluice/service-kit'
import { limitRule } from './limit-rule.ts'
import { arrivalsOf, type LimitTraffic } from './limit-traffic.ts'
import { createQuota } from './quota.ts'

export type { LimiterRules } from '@sluice/policies/policy'
export { arrivalsOf, type LimitTraffic } from './limit-traffic.ts'

export interface LimitOutcome {
  readonly requests: number
  readonly admitted: number
  /** Of the same requests, by one count that sees all of them. */
  readonly ideal: number
  /** Admitted beyond that, in percent of it. */
  readonly overPercent: number
  /** Refused though it would have admitted them, in percent of it. */
  readonly underPercent: number
  /** Questions to the shared counters and returns to them, a request. */
  readonly messagesPerRequest: number
}

/** Counters that are asked, and told how often. */
type SharedCounters = Pick<Counters, 'take' | 'giveBack' | 'charge'>

export type CountedCalls = SharedCounters & { calls: number }

export function countCalls(counters: SharedCounters): CountedCalls {
  return {
    calls: 0,
    take(key, rule, cost) {
      this.calls++
      return counters.take(key, rule, cost)
    },
    giveBack(key, rule, cost) {
      this.calls++
      return counters.giveBack(key, rule, cost)
    },
    charge(key, rule, cost) {
      this.calls++
      return counters.charge(key, rule, cost)
    },
  }
}

export function outcomeOf({ requests, admitted, ideal, messages }: { requests: number; admitted: number; ideal: number; messages: number }): LimitOutcome {
  const percent = (part: number) => (ideal === 0 ? 0 : (Math.max(0, part) / ideal) * 100)
  return { requests, admitted, ideal, overPercent: percent(admitted - ideal), underPercent: percent(ideal - admitted), messagesPerRequest: requests === 0 ? 0 : messages / requests }
}

/** The prediction: some microseconds a request, whatever time it spans. */
export async function simulateLimit(rules: LimiterRules, traffic: LimitTraffic): Promise<LimitOutcome> {
  const clock = new SteppedClock()
  const { createMemoryCounters } = await countersNamed('memory').load()
  const one = createMemoryCounters({}, { clock })
  const shared = countCalls(createMemoryCounters({}, { clock }))
  const limiters = Array.from({ length: traffic.workers }, (): Limiter => {
    const own = createMemoryCounters({}, { clock })
    return createQuota({ shared, own, openRequests: noneOpen, clock, scope: 'simulated', workers: () => traffic.workers, onDegraded: () => undefined, repeat: clock.repeat }).limiter(rules)
  })
  const rule = limitRule(rules)
  let [requests, admitted, ideal] = [0, 0, 0]
  for (const { atMs, worker } of arrivalsOf(traffic)) {
    clock.goTo(atMs)
    requests++
    if (one.take('key', rule, 1).admitted) ideal++
    const verdict = limiters[worker]!.take('key', 1)
    if ((verdict instanceof Promise ? await verdict : verdict).admitted) admitted++
  }
  return outcomeOf({ requests, admitted, ideal, messages: shared.calls })
}

const noneOpen = { enter: async () => ({ entered: false, open: undefined }), leave: () => undefined }

/** Stands still until it is told to go on; what is to be done meanwhile is done on the way. */
class SteppedClock implements Clock {
  private at = 0
  private readonly repeated = new Set<{ dueMs: number; everyMs: number; work: () => void }>()

  now(): number {
    return this.at
  }

  monotonic(): number {
    return this.at
  }

  readonly repeat = (work: () => void, everyMs: number): (() => void) => {
    const one = { dueMs: this.at + everyMs, everyMs, work }
    this.repeated.add(one)
    return () => void this.repeated.delete(one)
  }

  goTo(atMs: number): void {
    for (const one of this.repeated) {
      for (; one.dueMs <= atMs && this.repeated.has(one); one.dueMs += one.everyMs) {
        this.at = one.dueMs
        one.work()
      }
    }
    this.at = atMs
  }
}
