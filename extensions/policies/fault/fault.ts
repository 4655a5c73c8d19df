import type { Exchange } from '../exchange.ts'
import { HeldExchanges } from '../held-exchanges.ts'
import { type HookResult, type Policy, type Refusal, refuse } from '../policy.ts'
import type { FaultSettings } from './schema.ts'

export function compile(settings: FaultSettings): Policy {
  return new Fault(settings)
}

/** Makes some requests slow, or fail, to find out what that does to those who ask. */
class Fault implements Policy {
  private readonly share: number
  private readonly delayMs: number
  private readonly abort: Refusal | undefined
  private readonly held = new HeldExchanges()

  constructor({ delayMs, abortStatus, percent, shadow }: FaultSettings) {
    this.share = percent / 100
    // In shadow nobody is made to wait.
    this.delayMs = shadow === true ? 0 : delayMs
    this.abort = abortStatus === undefined ? undefined : { ...refuse('policy.fault_injected'), status: abortStatus }
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    if (Math.random() >= this.share) return undefined
    // With too many held already it fails, or goes on, at once.
    const held = this.delayMs === 0 ? undefined : this.held.hold(exchange, this.delayMs, nothing)
    return held === undefined ? this.abort : held.then((gone) => gone ?? this.abort)
  }

  onDone(exchange: Exchange): void {
    this.held.release(exchange)
  }
}

function nothing(): void {}
