/**
 * Hears auth's changes and keeps count of the version up to which all of them were heard. Whatever may have been
 * missed (a gap, another publisher, a reconnect, a version that was skipped) is asked for; when auth's log does not
 * reach back that far, everything is forgotten. Revoked tokens are read whole at the start and whenever it does not.
 */
import { fromBinary } from '@bufbuild/protobuf'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import { type SequencedSubscription, subscribeSequenced } from '@sluice/buses/sequenced'
import {
  CredentialChangesReplySchema, CredentialChangesRequestSchema, CredentialChangeSchema, type CredentialChange, type CredentialChangesReply,
  type TokenRevocation, TokenRevocationsReplySchema, TokenRevocationsRequestSchema,
} from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import type { Clock } from '@sluice/service-kit'
import type { KnownChanges } from './known-changes.ts'
import type { RevokedTokens } from './revoked-tokens.ts'

export interface ChangeFeedParts {
  readonly bus: Bus
  readonly scope: string
  readonly clock: Clock
  readonly changes: KnownChanges
  readonly revoked: RevokedTokens
  readonly timeoutMs: number
  readonly onVersion: (version: number) => void
  readonly onMalformed: (subject: string, error: unknown) => void
}

/** Beacons come every second: three missed, and nobody is heard. */
const silentMs = 3000
const askAgainMs = 1000
/** Versions heard ahead of one that is still missing; beyond that the catch-up brings them. */
const maxAhead = 1000

export class ChangeFeed {
  readonly #parts: ChangeFeedParts
  readonly #ahead = new Set<number>()
  #version = 0
  #subscription: SequencedSubscription | undefined
  #again: NodeJS.Timeout | undefined
  #isAsking = false
  #isBehind = false
  #hasRevoked = false
  /** Since when something may have been missed; undefined once auth said what there was. */
  #behindSince: number | undefined
  #stopped = false

  constructor(parts: ChangeFeedParts) {
    this.#parts = parts
  }

  get version(): number {
    return this.#version
  }

  start(): void {
    const { bus, scope, clock, onMalformed } = this.#parts
    this.#subscription = subscribeSequenced(
      bus,
      subjects.authChanged(scope),
      { onMessage: (body) => this.#hear(body), onGap: () => this.catchUp(), onMalformed, onError: onMalformed },
      { clock },
    )
    this.catchUp()
  }

  stop(): void {
    this.#stopped = true
    this.#subscription?.unsubscribe()
    clearTimeout(this.#again)
  }

  /** Since when, on the monotonic scale, a change may have gone unheard; undefined when none can have. */
  blindSince(): number | undefined {
    const heardAt = this.#subscription?.lastHeardAt() ?? 0
    const isSilent = this.#parts.clock.monotonic() - heardAt > silentMs
    if (this.#behindSince === undefined) return isSilent ? heardAt : undefined
    return isSilent ? Math.min(heardAt, this.#behindSince) : this.#behindSince
  }

  /** Asks what there was after the last version heard; one question at a time, again after a second when it fails. */
  catchUp(): void {
    this.#isBehind = true
    this.#behindSince ??= this.#parts.clock.monotonic()
    if (this.#stopped || this.#isAsking) return
    this.#isAsking = true
    void this.#askWhileBehind().finally(() => {
      this.#isAsking = false
    })
  }

  async #askWhileBehind(): Promise<void> {
    const { bus, scope, timeoutMs } = this.#parts
    const types = { request: CredentialChangesRequestSchema, reply: CredentialChangesReplySchema }
    clearTimeout(this.#again)
    while (this.#isBehind && !this.#stopped) {
      this.#isBehind = false
      const afterVersion = this.#version
      try {
        const reply = await call(bus, subjects.authChanges(scope), types, { scope, afterVersion }, { timeoutMs })
        if (isAnotherHistory(reply, afterVersion)) this.#hasRevoked = false
        if (!this.#hasRevoked) await this.#readRevoked(reply.headVersion)
        this.#take(reply, afterVersion)
      } catch {
        this.#isBehind = true
        if (!this.#stopped) this.#again = setTimeout(() => this.catchUp(), askAgainMs).unref()
        return
      }
    }
    this.#behindSince = undefined
  }

  /** All of them, as they stand at `version` or later. */
  async #readRevoked(version: number): Promise<void> {
    const { bus, scope, timeoutMs, revoked } = this.#parts
    const types = { request: TokenRevocationsRequestSchema, reply: TokenRevocationsReplySchema }
    const mark = revoked.heard
    const all: TokenRevocation[] = []
    let afterName = ''
    do {
      const { revocations, nextName } = await call(bus, subjects.tokenRevocations(scope), types, { scope, afterName }, { timeoutMs })
      all.push(...revocations)
      afterName = nextName
    } while (afterName !== '')
    revoked.replace(all, version, mark)
    this.#hasRevoked = true
  }

  #take(reply: CredentialChangesReply, afterVersion: number): void {
    const { changes, headVersion } = reply
    if (isAnotherHistory(reply, afterVersion)) {
      this.#parts.changes.forgetEverything(headVersion)
      this.#ahead.clear()
      this.#version = headVersion
      return this.#parts.onVersion(headVersion)
    }
    for (const change of changes) this.#learn(change)
    this.#advance(headVersion)
  }

  #hear(body: Uint8Array): void {
    const change = this.#decode(body)
    if (change === undefined) return this.catchUp()
    this.#learn(change)
    if (change.version <= this.#version) return
    this.#ahead.add(change.version)
    if (change.version > this.#version + 1) this.catchUp()
    this.#advance(this.#version)
    if (this.#ahead.size > maxAhead) this.#ahead.clear()
  }

  #learn(change: CredentialChange): void {
    const { changes, revoked } = this.#parts
    changes.hear(change)
    if (change.token !== undefined) revoked.hear(change.token, change.version)
  }

  #decode(body: Uint8Array): CredentialChange | undefined {
    try {
      return fromBinary(CredentialChangeSchema, body)
    } catch (error) {
      this.#parts.bus.counts.malformed++
      this.#parts.onMalformed(subjects.authChanged(this.#parts.scope), error)
      return undefined
    }
  }

  /** To `version` at least, and on over what was heard ahead of it. */
  #advance(version: number): void {
    const before = this.#version
    this.#version = Math.max(before, version)
    while (this.#ahead.delete(this.#version + 1)) this.#version++
    for (const ahead of this.#ahead) if (ahead <= this.#version) this.#ahead.delete(ahead)
    if (this.#version > before) this.#parts.onVersion(this.#version)
  }
}

/** The log does not reach back, or its head is behind what we had when we asked, as of a store that was restored. */
function isAnotherHistory({ headVersion, incomplete }: CredentialChangesReply, afterVersion: number): boolean {
  return incomplete || headVersion < afterVersion
}
