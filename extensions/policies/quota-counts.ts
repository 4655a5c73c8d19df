/** Where and by which rules a quota is counted: for the policy, and for whoever wants to know what is left of one. */
import { hash } from 'node:crypto'
import { compileKey } from './limit-key.ts'
import { keyParts } from './limit-key-setting.ts'
import type { LimiterRules, PolicyPlace } from './policy.ts'
import { periodAt } from './quota/period.ts'
import type { QuotaSettings } from './quota/schema.ts'

export interface CountedPeriod {
  readonly rules: LimiterRules
  /** From here on, and up to there, these rules count. */
  readonly startMs: number
  readonly endMs: number
}

const rollingSeconds = { day: 86_400, month: 30 * 86_400 } as const

/** How a quota that stands at `place` is counted at an instant. */
export function quotaCountAt(settings: QuotaSettings, { level, name }: Pick<PolicyPlace, 'level' | 'name'>, now: number): CountedPeriod {
  const { period, window, limit, failure } = settings
  // A limit that was changed goes on with what is counted: nobody's month begins anew with a larger plan.
  const meaning = hash('sha256', JSON.stringify([period, window, keyParts(settings)]), 'base64url').slice(0, 12)
  const counter = `${level}/quota/${name}/${meaning}`
  const common = { limit, burst: limit, maxWaitMs: 0, mode: 'exact', failure } as const
  if (window === 'rolling') return { rules: { ...common, counter, algorithm: 'sliding-window', windowSeconds: rollingSeconds[period] }, startMs: -Infinity, endMs: Infinity }
  const { name: periodName, startMs, endMs } = periodAt(period, now)
  // Each period is a key of its own: months differ in length, and edges need not agree on the instant of midnight.
  return { rules: { ...common, counter: `${counter}/${periodName}`, algorithm: 'fixed-window', windowSeconds: (endMs - startMs) / 1000, originMs: startMs }, startMs, endMs }
}

/** The key that a consumer's requests are counted under; undefined when it takes more than consumer and route to say it. */
export function consumersKey(settings: QuotaSettings, consumer: string, route: string | undefined): string | undefined {
  const parts = keyParts(settings)
  if (!parts.includes('consumer') || parts.some((part) => part !== 'consumer' && (part !== 'route' || route === undefined))) return undefined
  return compileKey(parts)({ identity: { consumer }, route: { name: route } } as never)
}
