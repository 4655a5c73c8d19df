/**
 * GCRA, the generic cell rate algorithm (ITU-T I.371 §A), in its virtual-scheduling form: a bucket is one instant, the
 * theoretical arrival time, at which it is full again. A token costs `windowMs / limit` of time; what is spent
 * reaches into the future at most `burst` tokens far, and in a leaky bucket as much farther as may wait.
 */
import type { LeakyBucketRule, TokenBucketRule } from '../counter.ts'
import { type Clock, Count } from './count.ts'

type BucketRule = TokenBucketRule | LeakyBucketRule

// Sums of fractions of milliseconds come out a hair too high: a token that is short by less than this is there.
const roundingTokens = 1e-3

export class BucketCount extends Count<BucketRule> {
  private fullAt = -Infinity
  private spent = 0
  private now = 0

  isWhole(clock: Clock): boolean {
    return this.fullAt <= clock.monotonic()
  }

  protected advance(rule: BucketRule, clock: Clock): void {
    this.now = clock.monotonic()
    this.spent = Math.max(0, this.fullAt - this.now) / tokenMs(rule)
  }

  protected untilFits(rule: BucketRule, cost: number): number {
    if (cost > rule.burst + roundingTokens) return Infinity
    const excess = this.spent + cost - rule.burst - queueOf(rule)
    return excess <= roundingTokens ? 0 : excess * tokenMs(rule)
  }

  protected add(rule: BucketRule, cost: number): void {
    this.spent += cost
    this.fullAt = this.now + this.spent * tokenMs(rule)
  }

  protected remove(rule: BucketRule, cost: number): void {
    this.add(rule, -Math.min(cost, this.spent))
  }

  protected remaining({ burst }: BucketRule): number {
    return Math.max(0, Math.floor(burst - this.spent + roundingTokens))
  }

  protected untilWhole(rule: BucketRule): number {
    return this.spent * tokenMs(rule)
  }

  protected override untilTurn(rule: BucketRule): number {
    const excess = this.spent - rule.burst
    return excess <= roundingTokens ? 0 : excess * tokenMs(rule)
  }
}

function tokenMs({ windowMs, limit }: BucketRule): number {
  return windowMs / limit
}

/** Tokens that may be owed to those who wait. */
function queueOf(rule: BucketRule): number {
  if (rule.algorithm === 'token-bucket') return 0
  return Math.min(rule.maxWaitMs / tokenMs(rule), Math.max(rule.limit, rule.burst))
}
