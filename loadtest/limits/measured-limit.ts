/** A limit on edges that really count in one Redis: each with its own connection and chunks, as a worker has. */
import type { Counters } from '@sluice/counters/counter'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMemoryCounters } from '../../extensions/counters/memory/memory.ts'
import { createRedisCounters } from '../../extensions/counters/redis/redis.ts'
import type { Limiter, LimiterRules } from '../../extensions/policies/policy.ts'
import { systemClock } from '../../packages/service-kit/src/index.ts'
import { countCalls, type LimitOutcome, outcomeOf } from '../../services/edge/src/quota/limit-simulation.ts'
import { limitRule } from '../../services/edge/src/quota/limit-rule.ts'
import { arrivalsOf, type LimitTraffic } from '../../services/edge/src/quota/limit-traffic.ts'
import { createQuota } from '../../services/edge/src/quota/quota.ts'

export interface MeasuredLimit extends LimitOutcome {
  /** CPU of the edges alone, traffic and bookkeeping included. */
  readonly cpuMicrosPerRequest: number
  /** Decided without Redis: a count of these would say nothing about Redis. */
  readonly degraded: number
}

const openRequests = { enter: async () => ({ entered: false, open: undefined }), leave: () => undefined }

/** Sends the traffic at its own pace, as far as this process keeps up with it. */
export async function measureLimit(url: string, rules: LimiterRules, traffic: LimitTraffic): Promise<MeasuredLimit> {
  // A busy machine may hold a process up for longer than the 20 ms of production.
  const stores = Array.from({ length: traffic.workers }, () => createRedisCounters({ url, keyPrefix: `limits:${process.pid}:`, timeoutMs: 2000 }))
  while (!stores.every(({ healthy }) => healthy)) await sleep(10)
  try {
    return await run(stores, rules, traffic)
  } finally {
    await Promise.all(stores.map((store) => store.close()))
  }
}

async function run(stores: readonly Counters[], rules: LimiterRules, traffic: LimitTraffic): Promise<MeasuredLimit> {
  const counted = stores.map(countCalls)
  let degraded = 0
  const limiters = counted.map((shared): Limiter => createQuota({ shared, own: createMemoryCounters(), openRequests, clock: systemClock, scope: 'measured', workers: () => 1, onDegraded: () => void degraded++ }).limiter(rules))
  const one = createMemoryCounters()
  const rule = limitRule(rules)
  let [requests, admitted, ideal] = [0, 0, 0]
  const pending: Promise<void>[] = []
  // Windows stand on multiples of their length, and the prediction begins at one.
  await sleep(rule.windowMs - (Date.now() % rule.windowMs))
  const began = performance.now()
  const cpu = process.cpuUsage()
  for (const { atMs, worker } of arrivalsOf(traffic)) {
    for (let early = atMs - (performance.now() - began); early > 0; early = atMs - (performance.now() - began)) await sleep(Math.max(1, early))
    requests++
    if (one.take('key', rule, 1).admitted) ideal++
    const verdict = limiters[worker]!.take('key', 1)
    if (!(verdict instanceof Promise)) admitted += Number(verdict.admitted)
    else pending.push(verdict.then((late) => void (admitted += Number(late.admitted))))
  }
  await Promise.all(pending)
  const { user, system } = process.cpuUsage(cpu)
  const messages = counted.reduce((sum, { calls }) => sum + calls, 0)
  return { ...outcomeOf({ requests, admitted, ideal, messages }), cpuMicrosPerRequest: (user + system) / requests, degraded }
}
