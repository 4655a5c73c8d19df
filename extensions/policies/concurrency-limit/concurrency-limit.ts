import { hash } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { compileKey } from '../limit-key.ts'
import { keyParts } from '../limit-key-setting.ts'
import { type HookResult, type OpenLimit, type OpenVerdict, type Policy, type PolicyParts, refuse } from '../policy.ts'
import type { ConcurrencyLimitSettings } from './schema.ts'

// Nobody knows when another request ends; a second is as soon as it can be said.
const spent = refuse('policy.limit_exceeded', 'Too many requests of this caller are open', ['Retry-After', '1'])

export function compile(settings: ConcurrencyLimitSettings, parts: PolicyParts): Policy {
  return new ConcurrencyLimit(settings, parts)
}

/** Lets so many requests of a key be open at once. A place is left when the exchange is over, however it ends. */
class ConcurrencyLimit implements Policy {
  private readonly name: string
  private readonly limit: number
  private readonly keyOf: (exchange: Exchange) => string
  private readonly open: OpenLimit
  /** Under which key an exchange is counted. */
  private readonly inside = new Map<Exchange, string>()

  constructor(settings: ConcurrencyLimitSettings, { place, quota }: PolicyParts) {
    const key = keyParts(settings)
    this.name = place.name
    this.limit = settings.limit
    this.keyOf = compileKey(key)
    // A limit that was changed goes on with what is open; another key means another count.
    const meaning = hash('sha256', JSON.stringify(key), 'base64url').slice(0, 12)
    this.open = quota.openLimit({ counter: `${place.level}/${place.type}/${place.name}/${meaning}`, limit: settings.limit })
  }

  async onRequest(exchange: Exchange): Promise<HookResult> {
    const key = this.keyOf(exchange)
    const verdict = await this.open.enter(key)
    if (verdict.counted && exchange.isOver) this.open.leave(key)
    else if (verdict.counted) this.inside.set(exchange, key)
    this.record(exchange, verdict)
    return verdict.admitted ? undefined : spent
  }

  onDone(exchange: Exchange): void {
    const key = this.inside.get(exchange)
    if (key === undefined) return
    this.inside.delete(exchange)
    this.open.leave(key)
  }

  private record(exchange: Exchange, { admitted, counted, remaining }: OpenVerdict): void {
    const outcome = !admitted ? 'refused' : counted ? 'admitted' : 'open'
    exchange.limits.push({ name: this.name, limit: this.limit, windowSeconds: 0, burst: this.limit, remaining, resetSeconds: 0, outcome, isHidden: true })
  }
}
