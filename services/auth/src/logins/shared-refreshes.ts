/**
 * Refreshes of sessions over all auths: issuers that rotate refresh tokens take the second use of one for theft, and two auths may be asked for the
 * same at one instant. The first to take the lease on a token asks the issuer and remembers what it said; the others ask it, for as long
 * as it remembers. With the store away, or that auth gone, each asks for itself, as a single auth does.
 */
import { createHash } from 'node:crypto'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import type { CredentialStore } from '@sluice/credential-stores/credential-store'
import { codeOf } from '@sluice/errors'
import { LoginReplySchema, type RefreshRequest, RefreshRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import type { MessageInitShape } from '@bufbuild/protobuf'

type LoginReply = MessageInitShape<typeof LoginReplySchema>

export interface SharedRefreshesParts {
  readonly bus: Bus
  readonly scope: string
  readonly store: Pick<CredentialStore, 'lease'>
  /** This auth's name among them, new at each start. */
  readonly instance: string
  /** How long an answer is remembered. */
  readonly rememberedMs: number
  /** Asks the issuer, or knows the answer. */
  readonly refresh: (request: RefreshRequest) => Promise<LoginReply>
}

const types = { request: RefreshRequestSchema, reply: LoginReplySchema }
/** The holder may have to read the issuer's metadata first. */
const fetches = 2
const overheadMs = 500
/** A store that is slow must not cost the session its refresh. */
const leaseTimeoutMs = 1000

export class SharedRefreshes {
  readonly #parts: SharedRefreshesParts

  constructor(parts: SharedRefreshesParts) {
    this.#parts = parts
  }

  /** Throws what `refresh` throws. */
  async refresh(request: RefreshRequest): Promise<LoginReply> {
    const { bus, scope, instance, refresh } = this.#parts
    const holder = await this.#holderOf(request)
    if (holder === instance) return refresh(request)
    const timeoutMs = (request.client?.timeoutMs ?? 0) * fetches + overheadMs
    try {
      return await call(bus, subjects.authRefreshAt(scope, holder), types, request, { timeoutMs })
    } catch (error) {
      if (!isGone(codeOf(error))) throw error
      return refresh(request)
    }
  }

  /** Tokens have the entropy of keys (RFC 6749 §10.10), so nobody finds one by its digest. */
  async #holderOf({ client, refreshToken }: RefreshRequest): Promise<string> {
    const { store, scope, instance, rememberedMs } = this.#parts
    const name = `refresh:${createHash('sha256').update(JSON.stringify([client?.issuer, client?.clientId, refreshToken])).digest('base64url')}`
    const tooLate = Promise.withResolvers<string>()
    const timer = setTimeout(tooLate.resolve, leaseTimeoutMs, instance)
    try {
      return await Promise.race([store.lease(scope, name, instance, rememberedMs), tooLate.promise])
    } catch {
      return instance
    } finally {
      clearTimeout(timer)
    }
  }
}

function isGone(code: string): boolean {
  return code === 'dependency.no_responder' || code === 'dependency.timeout' || code === 'dependency.bus_unreachable'
}
