/**
 * Following the configuration: hints as the fast way, a poll as the certain one (a lost hint costs at most one
 * poll). A revision is handed on only when its content has the digest that was announced, and signed where keys are
 * known; revisions go only upwards, one at a time; while one is being applied the newest of those that arrive waits and
 * the others are passed over.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, type SluiceError } from '@sluice/errors'
import { emptyConfig } from '@sluice/proto/config'
import { type ConfigHint, ConfigHintSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { Bus } from './bus.ts'
import { busTransport, checkSeal, type ConfigTransport, downloadHead, isNewer, type RefusalReason, withDelta } from './config-download.ts'
import { type ConfigRevision, type ConfigVersion, versionOf } from './config-revision.ts'
import type { ConfigVerifier } from './config-signature.ts'
import { listen } from './rpc.ts'

export type { ConfigTransport, RefusalReason } from './config-download.ts'
export type { ConfigRevision, ConfigVersion } from './config-revision.ts'
export { ConfigServing } from './config-serving.ts'
export { configSignerFrom, configVerifierFrom, createConfigKeys, createConfigSigner, createConfigVerifier } from './config-signature.ts'
export type { ConfigSigner, ConfigVerifier } from './config-signature.ts'

export interface FollowConfigOptions {
  readonly scope: string
  /** The name of the edge that follows: revisions that are tried on others are not for it. */
  readonly edge?: string | undefined
  /** What runs already, from disk for instance; only newer revisions are handed on. */
  readonly have?: ConfigRevision | undefined
  /** Between two questions for the head, ± 20 % so that edges do not ask all at once [10000]. */
  readonly pollMs?: number
  /** How long control may take for one answer [5000]. */
  readonly timeoutMs?: number
  /** Larger ones are refused [256 MiB]. */
  readonly maxConfigBytes?: number
  /** Whose revisions are taken; everybody's when it is left out. */
  readonly verifier?: ConfigVerifier | undefined
  /**
   * Takes a revision; the next one waits until it is done. A rejection is told to `onError` and the revision is
   * handed over again at the next poll: what is refused for good is refused by returning.
   */
  onRevision(revision: ConfigRevision): void | Promise<void>
  /** Something is wrong that waiting does not mend: a digest that does not fit, two revisions of one number. */
  onError?(error: unknown): void
  /** Control could not be asked, by the bus at least. Comes with each poll while that lasts. */
  onUnreachable?(error: SluiceError): void
  /** Told of each announcement or part of a revision that was not taken for what it is. */
  onRefused?(reason: RefusalReason): void
  /** Another way to control, gone when the bus did not serve. */
  readonly fallback?: ConfigTransport | undefined
  readonly onMalformed?: (subject: string, error: unknown) => void
}

export interface ConfigFeed {
  stop(): void
  /**
   * Asks for the head now; resolves when that is done and what was found has been handed on. Never rejects: see
   * `onError` and `onUnreachable`. Not to be awaited inside `onRevision`.
   */
  pull(): Promise<void>
  /** The newest revision that `onRevision` has taken, or `have`. */
  head(): ConfigVersion | undefined
}

/** Hands each new revision of `scope` to `onRevision`, beginning with a question for the head. */
export function followConfig(bus: Bus, options: FollowConfigOptions): ConfigFeed {
  const follower = new ConfigFollower(bus, options)
  follower.start()
  return follower
}

class ConfigFollower implements ConfigFeed {
  readonly #bus: Bus
  readonly #options: FollowConfigOptions
  #taken: ConfigRevision | undefined
  #inHand: ConfigRevision | undefined
  #next: ConfigRevision | undefined
  #handing: Promise<void> | undefined
  #pulling: Promise<void> | undefined
  #pullAgain = false
  #announced = 0
  #chasing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #unsubscribe = () => {}

  constructor(bus: Bus, options: FollowConfigOptions) {
    this.#bus = bus
    this.#options = options
    this.#taken = options.have
  }

  start(): void {
    const { scope, onMalformed } = this.#options
    const isValid = (hint: ConfigHint) => hint.scope === scope && Number.isSafeInteger(hint.revision) && hint.revision > 0
    const listenOptions = { isValid, ...(onMalformed && { onMalformed }) }
    const hints = listen(this.#bus, subjects.configHint(scope), ConfigHintSchema, (hint) => this.#hear(hint), listenOptions)
    const reconnects = this.#bus.onStatus((status) => {
      if (status === 'connected') void this.pull()
    })
    this.#unsubscribe = () => {
      hints.unsubscribe()
      reconnects.unsubscribe()
    }
    void this.pull()
    this.#schedulePoll()
  }

  stop(): void {
    this.#isStopped = true
    this.#next = undefined
    clearTimeout(this.#timer)
    this.#unsubscribe()
  }

  head(): ConfigVersion | undefined {
    return this.#taken && versionOf(this.#taken)
  }

  /** Whoever asks while a question is on its way gets the answer to a later one, since the head may just have moved. */
  pull(): Promise<void> {
    if (this.#pulling !== undefined) this.#pullAgain = true
    return (this.#pulling ??= this.#pullUntilQuiet().finally(() => (this.#pulling = undefined)))
  }

  async #pullUntilQuiet(): Promise<void> {
    do {
      this.#pullAgain = false
      await this.#pullOnce()
    } while (this.#pullAgain && !this.#isStopped)
  }

  async #pullOnce(): Promise<void> {
    const { scope, timeoutMs = 5000 } = this.#options
    try {
      await this.#pullBy(busTransport(this.#bus, scope, timeoutMs))
    } catch (error) {
      if (codeOf(error).startsWith('dependency.')) await this.#fallBack(error as SluiceError)
      else this.#report(error)
    }
  }

  async #pullBy(transport: ConfigTransport): Promise<void> {
    const { scope, edge, maxConfigBytes: maxBytes = 256 * 1024 * 1024, verifier } = this.#options
    const found = await downloadHead(transport, { scope, edge, have: this.#newest(), maxBytes, verifier, onRefused: (reason) => this.#refuse(reason) })
    if (found !== undefined) await this.#offer(found)
  }

  async #fallBack(error: SluiceError): Promise<void> {
    if (this.#isStopped) return
    this.#options.onUnreachable?.(error)
    if (this.#options.fallback === undefined) return
    try {
      await this.#pullBy(this.#options.fallback)
    } catch (fallbackError) {
      this.#report(fallbackError)
    }
  }

  async #hear(hint: ConfigHint): Promise<void> {
    const { scope, edge, verifier } = this.#options
    const have = this.#newest()
    if (edge !== undefined && hint.edges.length > 0 && !hint.edges.includes(edge)) return
    if (have?.revision === hint.revision && have.config.digest === hint.digest) return
    try {
      checkSeal(hint, { scope, verifier, onRefused: (reason) => this.#refuse(reason) })
      if (have !== undefined && hint.revision < have.revision) return this.#refuse('replayed')
      if (!isNewer(hint, have)) return
      const config = hint.delta && withDelta(have, hint.digest, hint.delta)
      if (config === undefined) return await this.#chase(hint)
      await this.#offer({ revision: hint.revision, config, forcedRevision: hint.seal?.forcedRevision ?? 0 })
    } catch (error) {
      this.#report(error)
      await this.pull()
    }
  }

  /**
   * Asks until the announced revision is here. Of several controls the one that answers may not have it yet; after a
   * few seconds the ordinary poll goes on alone.
   */
  #chase({ revision, delta }: ConfigHint): Promise<void> {
    // From what is here it should have led there.
    if (delta !== undefined && delta.fromDigest === (this.#newest()?.config ?? emptyConfig).digest) this.#refuse('digest')
    this.#announced = Math.max(this.#announced, revision)
    return (this.#chasing ??= this.#chaseAnnounced().finally(() => (this.#chasing = undefined)))
  }

  async #chaseAnnounced(): Promise<void> {
    for (let pauseMs = 100; pauseMs <= 3200; pauseMs *= 2) {
      await this.pull()
      if (this.#isStopped || (this.#newest()?.revision ?? 0) >= this.#announced) return
      await sleep(pauseMs, undefined, { ref: false })
    }
  }

  /** The newest revision that is taken, in hand or waiting: nothing at or below it is of interest. */
  #newest(): ConfigRevision | undefined {
    return this.#next ?? this.#inHand ?? this.#taken
  }

  #offer(found: ConfigRevision): Promise<void> {
    if (this.#isStopped || !isNewer(versionOf(found), this.#newest())) return this.#handing ?? Promise.resolve()
    this.#next = found
    return (this.#handing ??= this.#handOn().finally(() => (this.#handing = undefined)))
  }

  async #handOn(): Promise<void> {
    while (this.#next !== undefined) {
      const revision = this.#next
      this.#next = undefined
      this.#inHand = revision
      try {
        await this.#options.onRevision(revision)
        this.#taken = revision
      } catch (error) {
        this.#report(error)
      }
      this.#inHand = undefined
    }
  }

  #refuse(reason: RefusalReason): void {
    if (!this.#isStopped) this.#options.onRefused?.(reason)
  }

  #report(error: unknown): void {
    if (!this.#isStopped) this.#options.onError?.(error)
  }

  #schedulePoll(): void {
    const pollMs = this.#options.pollMs ?? 10_000
    this.#timer = setTimeout(() => {
      void this.pull()
      this.#schedulePoll()
    }, pollMs * (0.8 + 0.4 * Math.random())).unref()
  }
}
