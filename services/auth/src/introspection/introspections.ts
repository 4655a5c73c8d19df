/**
 * What issuers say of opaque tokens, asked once for all edges: a token that is asked for many times at once is one
 * question, and an answer is remembered for as long as the asker's rules let it be used. Tokens are kept as an HMAC
 * under a secret of this process, never as they are.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { SluiceError } from '@sluice/errors'
import type { Clock } from '@sluice/service-kit'
import { LRUCache } from 'lru-cache'
import { reasonOf } from '../issuers/reason-of.ts'
import { IssuerClient, type Introspected, type IssuerSettings } from './issuer-client.ts'

export interface IntrospectionsParts {
  readonly clock: Clock
  readonly onAnswered: (outcome: 'active' | 'inactive') => void
  /** `reason` is for the log; `name` says which issuer. */
  readonly onFailed: (name: string, reason: string) => void
  /** What asks one issuer; for tests of when it is asked. */
  readonly clientFor?: (settings: IssuerSettings) => Pick<IssuerClient, 'introspect'>
}

export interface IntrospectionQuestion extends IssuerSettings {
  readonly token: string
  readonly timeoutMs: number
  readonly maxAgeMs: number
}

export interface IntrospectionAnswer {
  readonly active: boolean
  /** JSON; empty for a token that is not active. */
  readonly claims: Uint8Array
  readonly ageMs: number
}

interface Known {
  readonly active: boolean
  readonly claims: Uint8Array
  readonly at: number
}

interface OpenIssuer {
  /** What its tokens are remembered under. */
  readonly key: string
  readonly client: Pick<IssuerClient, 'introspect'>
}

const maxIssuers = 1000
const maxTokens = 50_000
const maxBytes = 32 * 1024 * 1024
/** A token that is not active now may be tomorrow's typing error put right; a flood of one is still one question. */
const inactiveMs = 2000
const nothing = new Uint8Array(0)

export class Introspections {
  readonly #parts: IntrospectionsParts
  readonly #secret = randomBytes(32)
  readonly #issuers = new LRUCache<string, OpenIssuer>({ max: maxIssuers })
  readonly #known = new LRUCache<string, Known>({ max: maxTokens, maxSize: maxBytes, sizeCalculation: ({ claims }) => claims.length + 100 })
  readonly #running = new Map<string, Promise<Known>>()

  constructor(parts: IntrospectionsParts) {
    this.#parts = parts
  }

  /** Throws `dependency.issuer_unreachable`, `dependency.verifier_overloaded`, `config.invalid`. */
  async introspect(question: IntrospectionQuestion): Promise<IntrospectionAnswer> {
    const issuer = this.#open(question)
    const key = this.#digest([issuer.key, question.token])
    const known = this.#recall(key, question.maxAgeMs) ?? (await (this.#running.get(key) ?? this.#run(key, issuer, question)))
    return { active: known.active, claims: known.claims, ageMs: this.#parts.clock.monotonic() - known.at }
  }

  #recall(key: string, maxAgeMs: number): Known | undefined {
    const known = this.#known.get(key)
    if (known === undefined) return undefined
    const mostMs = known.active ? maxAgeMs : Math.min(maxAgeMs, inactiveMs)
    return this.#parts.clock.monotonic() - known.at < mostMs ? known : undefined
  }

  #run(key: string, { client }: OpenIssuer, question: IntrospectionQuestion): Promise<Known> {
    const running = this.#ask(client, question)
      .then((known) => {
        this.#known.set(key, known)
        return known
      })
      .finally(() => this.#running.delete(key))
    this.#running.set(key, running)
    return running
  }

  /** As old as the question: what the issuer changed while it was answering counts as not seen. */
  async #ask(client: OpenIssuer['client'], { token, timeoutMs, issuer, introspectionUrl }: IntrospectionQuestion): Promise<Known> {
    const { clock, onAnswered, onFailed } = this.#parts
    const at = clock.monotonic()
    let answer: Introspected
    try {
      answer = await client.introspect(token, timeoutMs)
    } catch (error) {
      if (error instanceof SluiceError) throw error
      onFailed(introspectionUrl || issuer, reasonOf(error))
      throw new SluiceError('dependency.issuer_unreachable')
    }
    onAnswered(answer.active ? 'active' : 'inactive')
    return { active: answer.active, claims: answer.active ? Buffer.from(JSON.stringify(answer.members)) : nothing, at }
  }

  #open({ introspectionUrl, issuer, clientId, clientSecret, secretInBody, insecure }: IssuerSettings): OpenIssuer {
    const settings = { introspectionUrl, issuer, clientId, clientSecret, secretInBody, insecure }
    const key = this.#digest(Object.values(settings))
    const known = this.#issuers.get(key)
    if (known !== undefined) return known
    const { clock, clientFor = (one: IssuerSettings) => new IssuerClient(one, clock) } = this.#parts
    const opened = { key, client: clientFor(settings) }
    this.#issuers.set(key, opened)
    return opened
  }

  #digest(values: readonly unknown[]): string {
    return createHmac('sha256', this.#secret).update(JSON.stringify(values)).digest('base64')
  }
}
