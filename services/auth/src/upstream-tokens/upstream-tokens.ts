/**
 * Tokens that upstreams are shown, each got once for all edges. A new one is got before the old one ends, by whoever asks
 * then; while the issuer cannot be asked the old one serves to its end. Callers' tokens are kept as an HMAC under a secret
 * of this process, never as they are.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { SluiceError } from '@sluice/errors'
import type { Clock } from '@sluice/service-kit'
import { LRUCache } from 'lru-cache'
import { reasonOf } from '../issuers/reason-of.ts'
import { TokenClient, type TokenIssuer, type WantedToken } from './token-client.ts'

export type UpstreamTokenQuestion = TokenIssuer & WantedToken
export type UpstreamTokenAnswer = { readonly accessToken: string; readonly expiresInMs: number; readonly renewInMs: number } | { readonly refusal: string }

export interface UpstreamTokensParts {
  readonly clock: Clock
  readonly onAnswered: (outcome: 'issued' | 'refused') => void
  /** `reason` is for the log. */
  readonly onFailed: (issuer: string, reason: string) => void
}

interface Token {
  readonly value: string
  readonly renewAtMs: number
  readonly endsAtMs: number
}

const maxIssuers = 1000
const maxTokens = 20_000
const maxCharacters = 32 * 1024 * 1024
/** An issuer that does not say (RFC 6749 §5.1) means what is usual; that is rather an hour. */
const unsaidSeconds = 300
/** So far into its life a token is replaced. */
const renewAt = 0.7
/** It must still be good when it arrives. */
const marginMs = 1000

export class UpstreamTokens {
  readonly #parts: UpstreamTokensParts
  readonly #secret = randomBytes(32)
  readonly #clients = new LRUCache<string, TokenClient>({ max: maxIssuers })
  readonly #tokens = new LRUCache<string, Token>({ max: maxTokens, maxSize: maxCharacters, sizeCalculation: ({ value }) => value.length + 100 })
  readonly #running = new Map<string, Promise<UpstreamTokenAnswer>>()

  constructor(parts: UpstreamTokensParts) {
    this.#parts = parts
  }

  /** `refused`: a token that an upstream did not take. Throws `dependency.issuer_unreachable`, `dependency.verifier_overloaded`, `config.invalid`. */
  async get(question: UpstreamTokenQuestion, refused: string): Promise<UpstreamTokenAnswer> {
    const key = this.#digest([question])
    const known = this.#known(key, refused)
    const now = this.#parts.clock.monotonic()
    if (known !== undefined && now < known.renewAtMs) return this.#answer(known)
    const running = this.#running.get(key) ?? this.#run(key, question)
    return known === undefined ? running : running.catch(() => this.#answer(known))
  }

  #known(key: string, refused: string): Token | undefined {
    const token = this.#tokens.get(key)
    const isGood = token !== undefined && token.value !== refused && this.#parts.clock.monotonic() < token.endsAtMs - marginMs
    return isGood ? token : undefined
  }

  #run(key: string, question: UpstreamTokenQuestion): Promise<UpstreamTokenAnswer> {
    const running = this.#ask(key, question).finally(() => this.#running.delete(key))
    this.#running.set(key, running)
    return running
  }

  async #ask(key: string, question: UpstreamTokenQuestion): Promise<UpstreamTokenAnswer> {
    const { clock, onAnswered, onFailed } = this.#parts
    const client = this.#open(question)
    const at = clock.monotonic()
    try {
      const outcome = await client.get(question)
      onAnswered('refusal' in outcome ? 'refused' : 'issued')
      if ('refusal' in outcome) return outcome
      const lifeMs = (outcome.expiresInSeconds ?? unsaidSeconds) * 1000
      const token = { value: outcome.accessToken, renewAtMs: at + lifeMs * renewAt, endsAtMs: at + lifeMs }
      this.#tokens.set(key, token)
      return this.#answer(token)
    } catch (error) {
      if (error instanceof SluiceError) throw error
      onFailed(question.issuer || question.tokenUrl, reasonOf(error))
      throw new SluiceError('dependency.issuer_unreachable')
    }
  }

  #answer({ value, renewAtMs, endsAtMs }: Token): UpstreamTokenAnswer {
    const now = this.#parts.clock.monotonic()
    return { accessToken: value, expiresInMs: Math.max(0, endsAtMs - now), renewInMs: Math.max(0, renewAtMs - now) }
  }

  #open({ issuer, tokenUrl, clientId, clientSecret, secretInBody, insecure, timeoutMs }: TokenIssuer): TokenClient {
    const settings = { issuer, tokenUrl, clientId, clientSecret, secretInBody, insecure, timeoutMs }
    const key = this.#digest([settings])
    const known = this.#clients.get(key)
    if (known !== undefined) return known
    const opened = new TokenClient(settings, this.#parts.clock)
    this.#clients.set(key, opened)
    return opened
  }

  #digest(values: readonly unknown[]): string {
    return createHmac('sha256', this.#secret).update(JSON.stringify(values)).digest('base64')
  }
}
