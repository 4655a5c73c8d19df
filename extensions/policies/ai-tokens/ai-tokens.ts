import { hash } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { retryAfter } from '../limit-fields.ts'
import { compileKey } from '../limit-key.ts'
import { keyParts } from '../limit-key-setting.ts'
import { limitStatement } from '../limit-statement.ts'
import { type HookResult, type Limiter, type LimiterRules, type LimitVerdict, type Policy, type PolicyParts, refuse } from '../policy.ts'
import { AnswerTokens } from './answer-tokens.ts'
import type { AiTokensSettings } from './schema.ts'

const countersAway = refuse('dependency.counters_unreachable')

export function compile(settings: AiTokensSettings, parts: PolicyParts): Policy {
  return new AiTokens(settings, parts)
}

interface Running {
  readonly key: string
  readonly verdict: LimitVerdict
  /** Of an answer that can be read. */
  tokens: AnswerTokens | undefined
}

/** Counts what answers cost: some of it is taken before a request goes on, the rest when its answer has ended. */
class AiTokens implements Policy {
  private readonly settings: AiTokensSettings
  private readonly name: string
  private readonly keyOf: (exchange: Exchange) => string
  private readonly rules: LimiterRules
  private readonly limiter: Limiter
  private readonly running = new Map<Exchange, Running>()

  constructor(settings: AiTokensSettings, parts: PolicyParts) {
    this.settings = settings
    this.name = parts.place.name
    const key = keyParts(settings)
    this.keyOf = compileKey(key)
    this.rules = rulesOf(settings, parts.place, key)
    this.limiter = parts.quota.limiter(this.rules)
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const key = this.keyOf(exchange)
    const verdict = this.limiter.take(key, this.settings.reserve)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, key, exchange)) : this.decide(verdict, key, exchange)
  }

  onResponse(exchange: Exchange): void {
    const running = this.running.get(exchange)
    if (running === undefined) return
    const type = exchange.response!.headers.get('content-type') ?? ''
    const isStream = type.startsWith('text/event-stream')
    if (isStream || /^application\/([^;]*[+-])?(json|ndjson)\b/.test(type)) running.tokens = new AnswerTokens(isStream)
  }

  onResponseBody(exchange: Exchange, piece: Uint8Array): void {
    this.running.get(exchange)?.tokens?.push(piece)
  }

  onDone(exchange: Exchange): void {
    const running = this.running.get(exchange)
    if (running === undefined) return
    this.running.delete(exchange)
    this.settle(running, exchange)
  }

  private decide(verdict: LimitVerdict, key: string, exchange: Exchange): HookResult {
    if (verdict.decidedBy === 'closed') return countersAway
    exchange.limits.push(limitStatement(this.name, this.rules, verdict))
    if (!verdict.admitted) return refuse('policy.limit_exceeded', 'The tokens of this caller are spent', ['Retry-After', retryAfter(verdict.retryAfterMs)])
    const running: Running = { key, verdict, tokens: undefined }
    if (exchange.isOver) this.settle(running, exchange)
    else {
      // What is packed cannot be read in passing.
      exchange.request.headers.set('Accept-Encoding', 'identity')
      this.running.set(exchange, running)
    }
    return undefined
  }

  private settle({ key, verdict, tokens }: Running, { response }: Exchange): void {
    const { reserve, count } = this.settings
    const isGood = response !== undefined && response.status < 300
    const unsaid = !isGood ? 0 : tokens === undefined ? reserve : tokens.estimated
    this.limiter.settle(key, reserve, tokens?.reported(count) ?? unsaid, verdict)
  }
}

function rulesOf({ limit, windowSeconds, failure }: AiTokensSettings, { level, name }: PolicyParts['place'], key: readonly string[]): LimiterRules {
  // A limit that was changed goes on with what is counted.
  const meaning = hash('sha256', JSON.stringify([windowSeconds, key]), 'base64url').slice(0, 12)
  return { counter: `${level}/ai-tokens/${name}/${meaning}`, algorithm: 'sliding-window', limit, windowSeconds, burst: limit, maxWaitMs: 0, mode: 'exact', failure }
}
