/** Tokens that are refused before they expire, as auth keeps them. */
import type { Bus } from '@sluice/buses/bus'
import { SluiceError } from '@sluice/errors'
import { CredentialWriteReplySchema, TokenLiftRequestSchema, TokenRevocationsReplySchema, TokenRevocationsRequestSchema, TokenRevokeRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { readTokenName, type RevokedToken } from '@sluice/proto/token-names'
import { callPeer, peers } from './peer-call.ts'

export interface TokenRevocation extends RevokedToken {
  /** Of a subject: milliseconds since the Unix epoch, as `untilMs`. */
  readonly issuedBeforeMs: number
  readonly untilMs: number
}

/** Tokens that bear the name and were issued at `beforeMs` or earlier are refused until `untilMs`. */
export interface KeptRevocation {
  readonly name: string
  readonly beforeMs: number
  readonly untilMs: number
}

const pageSize = 500

/** Every call throws `dependency.auth_unreachable` when auth is away. */
export class TokenRevocations {
  readonly #bus: Bus
  readonly #scope: string

  constructor(bus: Bus, scope: string) {
    this.#bus = bus
    this.#scope = scope
  }

  /** `next` is what the page after this one begins behind; a page may be shorter than asked. */
  async list(afterName: string, limit: number): Promise<{ items: TokenRevocation[]; next: string | null }> {
    const types = { request: TokenRevocationsRequestSchema, reply: TokenRevocationsReplySchema }
    const { revocations, nextName } = await callPeer(this.#bus, peers.auth, subjects.tokenRevocations(this.#scope), types, { scope: this.#scope, afterName, limit })
    const items = revocations.flatMap(({ name, beforeMs, untilMs }) => {
      const token = readTokenName(name)
      return token === undefined ? [] : [{ ...token, issuedBeforeMs: beforeMs + 1, untilMs }]
    })
    return { items, next: nextName === '' ? null : nextName }
  }

  /** All that stand, under the names that auth keeps them by: for a backup. */
  all(): AsyncGenerator<KeptRevocation> {
    return this.#pages(false)
  }

  /** All sessions of browsers that are over before their time, likewise. */
  allSessions(): AsyncGenerator<KeptRevocation> {
    return this.#pages(true)
  }

  async *#pages(sessions: boolean): AsyncGenerator<KeptRevocation> {
    const types = { request: TokenRevocationsRequestSchema, reply: TokenRevocationsReplySchema }
    let afterName = ''
    do {
      const { revocations, nextName } = await callPeer(this.#bus, peers.auth, subjects.tokenRevocations(this.#scope), types, { scope: this.#scope, afterName, limit: pageSize, sessions })
      for (const { name, beforeMs, untilMs } of revocations) yield { name, beforeMs, untilMs }
      afterName = nextName
    } while (afterName !== '')
  }

  /** The new version. Throws `config.invalid`, also when as many stand as there can be. */
  async revoke(token: TokenRevocation): Promise<number> {
    const types = { request: TokenRevokeRequestSchema, reply: CredentialWriteReplySchema }
    return (await callPeer(this.#bus, peers.auth, subjects.tokenRevoke(this.#scope), types, { scope: this.#scope, ...token })).version
  }

  /** The new version; throws `config.not_found`. */
  async lift({ issuer, jti = '', subject = '' }: RevokedToken): Promise<number> {
    const types = { request: TokenLiftRequestSchema, reply: CredentialWriteReplySchema }
    const { version, missing } = await callPeer(this.#bus, peers.auth, subjects.tokenLift(this.#scope), types, { scope: this.#scope, issuer, jti, subject })
    if (missing) throw new SluiceError('config.not_found', { detail: `${jti === '' ? `No tokens of the subject "${subject}" are` : `The token "${jti}" is not`} revoked, as of the issuer "${issuer}"` })
    return version
  }
}
